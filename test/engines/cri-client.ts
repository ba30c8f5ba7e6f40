import { once } from 'node:events'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import { createConnection } from 'node:net'

/** A message of protocol buffers: fields by their numbers; absent ones have their default. */
export interface Message {
  readonly [field: number]: string | number | Message | readonly string[]
}

/**
 * The little of Kubernetes' container runtime interface (cri-api, runtime.v1) that a kubelet needs to run a pod: gRPC on a unix socket, with
 * the field numbers of api.proto.
 */
export class CriClient implements Disposable {
  readonly #session: ClientHttp2Session

  constructor(socket: string) {
    this.#session = connect('http://localhost', { createConnection: () => createConnection(socket) })
    this.#session.on('error', () => {})
  }

  /** Calls a method of RuntimeService; the fields of its answer that are texts, bytes or numbers. */
  async call(method: string, request: Message): Promise<ReadonlyMap<number, string | number>> {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/runtime.v1.RuntimeService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const body = encode(request)
    const head = Buffer.alloc(5)
    head.writeUInt32BE(body.length, 1)
    stream.end(Buffer.concat([head, body]))
    let status = ''
    const note = (headers: IncomingHttpHeaders): void => {
      if ('grpc-status' in headers) status = [headers['grpc-status'], headers['grpc-message'] ?? ''].join(' ')
    }
    stream.on('response', note).on('trailers', note)
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(stream, 'close')
    if (!status.startsWith('0')) throw new Error(`${method}: ${decodeURIComponent(status)}`)
    return decode(Buffer.concat(chunks).subarray(5))
  }

  [Symbol.dispose](): void {
    this.#session.destroy()
  }
}

const VARINT = 0
const BYTES = 2

function encode(message: Message): Buffer {
  const parts = Object.entries(message).flatMap(([field, value]) => {
    const number = Number(field)
    if (typeof value === 'number') return [varint(number * 8 + VARINT), varint(value)]
    const values =
      typeof value === 'string' || !Array.isArray(value) ? [value as string | Message] : (value as string[])
    return values.flatMap((each) => {
      const bytes = typeof each === 'string' ? Buffer.from(each) : encode(each)
      return [varint(number * 8 + BYTES), varint(bytes.length), bytes]
    })
  })
  return Buffer.concat(parts)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

function decode(bytes: Buffer): ReadonlyMap<number, string | number> {
  const fields = new Map<number, string | number>()
  let at = 0
  const next = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = next()
    const value = next()
    if (tag % 8 === VARINT) fields.set(Math.floor(tag / 8), value)
    else if (tag % 8 === BYTES) fields.set(Math.floor(tag / 8), bytes.toString('utf8', at, (at += value)))
    else throw new Error(`Unexpected wire type ${tag % 8}`)
  }
  return fields
}
