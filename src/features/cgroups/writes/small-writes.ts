import type { RdmaResources } from '../resources.ts'
import { type FileValue, numberOrMax, onlyV1, type Translator } from './translation.ts'

/** pids.max, the same on both versions. A group of no process at all cannot be begun: 0 means its first process alone, as with runc 1.4. */
export const pidsMax: Translator = ({ pids }) =>
  pids === undefined
    ? []
    : [
        {
          asks: ['pids.limit'],
          file: 'pids.max',
          value: numberOrMax(pids.limit === 0 ? 1 : pids.limit),
          because: 'stops fork bombs',
        },
      ]

/** rdma.max, the same on both versions; one write per device. */
export const rdmaMax: Translator = ({ rdma = {} }) =>
  Object.entries(rdma).map(([device, limits]) => ({
    asks: [`rdma.${device}`],
    file: 'rdma.max',
    value: [device, ...rdmaWords(limits)].join(' '),
    because: 'bounds handles and objects of an RDMA device',
  }))

const rdmaWords = ({ hcaHandles, hcaObjects }: RdmaResources): string[] => [
  ...(hcaHandles === undefined ? [] : [`hca_handle=${numberOrMax(hcaHandles)}`]),
  ...(hcaObjects === undefined ? [] : [`hca_object=${numberOrMax(hcaObjects)}`]),
]

/** The class that packets of the group bear. */
export const netClsV1: Translator = ({ network }) =>
  network?.classID === undefined
    ? []
    : [
        {
          asks: ['network.classID'],
          file: 'net_cls.classid',
          value: String(network.classID),
          because: 'class of its packets for tc(8)',
        },
      ]

/** The kernel takes one interface in each write. */
export const netPrioV1: Translator = ({ network }): FileValue[] =>
  (network?.priorities ?? []).map(({ name, priority }) => ({
    asks: ['network.priorities'],
    file: 'net_prio.ifpriomap',
    value: `${name} ${priority}`,
    because: 'priority of its packets',
  }))

const BY_PATH = 'leave it out, and tell packets by the group itself: nft "socket cgroupv2", iptables -m cgroup --path'

export const netClsV2: Translator = ({ network }) =>
  network?.classID === undefined ? [] : [onlyV1('network.classID', 'net_cls', BY_PATH)]

export const netPrioV2: Translator = ({ network }) =>
  network?.priorities === undefined ? [] : [onlyV1('network.priorities', 'net_prio', BY_PATH)]

export const freezerV1: Translator = ({ freezer }, { live }) =>
  freezer === undefined || (freezer === 'thawed' && !live)
    ? []
    : [{ asks: ['freezer'], file: 'freezer.state', value: freezer.toUpperCase(), because: `is ${freezer}` }]

/** cgroup.freeze needs no controller. */
export const freezeV2: Translator = ({ freezer }, { live }) =>
  freezer === undefined || (freezer === 'thawed' && !live)
    ? []
    : [{ asks: ['freezer'], file: 'cgroup.freeze', value: freezer === 'frozen' ? '1' : '0', because: `is ${freezer}` }]
