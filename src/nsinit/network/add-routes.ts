import { addRoute } from '../../linux/netlink/routes.ts'
import type { ContainerRoute } from '../container-json/container-config.ts'
import { explained } from './explained.ts'
import type { Rtnetlink } from './rtnetlink.ts'

type Family = 'inet' | 'inet6'

/** Families whose default route the configuration gives itself: it stands in the place of a network's gateway. */
export const routedFamilies = (routes: readonly ContainerRoute[]): ReadonlySet<Family> =>
  new Set(routes.filter(isDefault).map(familyOf))

/** Adds the routes of a configuration, in its order. @throws InvalidInputError with the pointer of the one that the kernel refused */
export function addRoutes(inside: Rtnetlink, routes: readonly ContainerRoute[]): void {
  routes.forEach((route, index) => {
    const remedy =
      'give a gateway in a network of the interface, a source that is an address of it, and each destination once'
    explained({ field: `/routes/${index}`, problem: 'cannot be a route of the container', remedy }, () =>
      inside.request(requestOf(route)),
    )
  })
}

function requestOf(route: ContainerRoute): ReturnType<typeof addRoute> {
  const { source, gateway, interfaceName } = route
  return addRoute({
    to: isDefault(route) ? 'default' : (route.destination as string),
    family: familyOf(route),
    dev: interfaceName,
    ...(source === undefined ? {} : { source }),
    ...(gateway === undefined ? {} : { via: gateway }),
  })
}

const isDefault = ({ destination }: ContainerRoute): boolean => destination === undefined || destination.endsWith('/0')

const familyOf = ({ destination, source, gateway }: ContainerRoute): Family =>
  [destination, source, gateway].some((each) => each?.includes(':')) ? 'inet6' : 'inet'
