/**
 * The kernel's ABI as data: `carrel/linux`. Names and numbers of system calls, constants and errors; structs to bytes and back;
 * helpers for the few formats that are no plain structs. All of it is pure and works on any machine.
 */
export {
  BPF_CODE,
  type BpfAnswer,
  type BpfCode,
  BpfProgram,
  type BpfTarget,
  auditArch,
  disassembleBpf,
} from './bpf-program.ts'
export { type BpfInstruction, decodeBpf, encodeBpf } from './bpf-instructions.ts'
export type { Arch } from './arch.ts'
export { machineArch } from './arch.ts'
export { decodeAddress, encodeAddress, type SocketAddress } from './address.ts'
export type { CallOptions } from './call-options.ts'
export {
  type CapabilitySet,
  type CapabilitySets,
  type CapabilitySetsInput,
  capabilityMask,
  capabilityNames,
} from './capability-params.ts'
export { type ConstantSet, type NameOf, nameOf, valueOf } from './constant-set.ts'
export {
  CONSTANTS,
  type ConstantGroup,
  type ConstantName,
  constantFlags,
  constantName,
  constantNames,
  constantValue,
  defineConstants,
} from './constants.ts'
export {
  type ControlMessage,
  decodeControl,
  decodeRights,
  encodeControl,
  encodeRights,
  rightsSpace,
} from './control-messages.ts'
export { quote } from './c-string.ts'
export type { Selected } from './descriptor-sets.ts'
export { DecimalPath, pathWithFd, pathWithPid } from './decimal-path.ts'
export { type DirectoryEntry, decodeDirectory } from './directory.ts'
export { errnoName, errnoNumber } from './errno.ts'
export { type InotifyEvent, decodeInotify } from './event-params.ts'
export { type Flags, flagNames, flagsValue, printFlags } from './flags.ts'
export { FOREIGN, type ForeignCall, type ForeignCalls, type ForeignName, foreignError } from './foreign.ts'
export type * from './generated/signatures.ts'
export { ioprioValue, quotaCommand } from './kernel-object-params.ts'
export { Memory, type MemoryPart, memory } from './memory.ts'
export type { InMessage, MessageRoom, OutMessage } from './message-params.ts'
export { MOUNT_WORDS, type MountArguments, mountArguments } from './mount-words.ts'
export { type MountEntry, type MountOptions, decodeMountinfo, mountOptionsIn, mountOptionsOf } from './mountinfo.ts'
export { nearest } from './nearest.ts'
export { major, makedev, minor } from './params.ts'
export type { KernelFileHandle, LimitPair, LimitPairInput, QueuedSignal, Waited } from './posix-params.ts'
export type { FcntlArg, IoctlRequest, PathArg, PrctlArg, RawArg } from './raw-arg.ts'
export { type AnyRef, type Fd, type Pid, Ref } from './ref.ts'
export { type Siginfo, decodeSiginfo } from './siginfo.ts'
export { printSignalMask, signalMask, signalName, signalNumber } from './signal.ts'
export { type Statmount, decodeStatmount } from './statmount.ts'
export { Struct } from './struct.ts'
export { decodeStruct, encodeStruct, structSize } from './structs/typed.ts'
export { STRUCTS } from './structs/index.ts'
export { SYSCALLS, type SyscallName, syscallName, syscallNumber } from './syscalls.ts'
export * from './tables/index.ts'
export { type WaitStatus, decodeWaitStatus } from './wait-status.ts'
export { waitsByNature } from './waits-by-nature.ts'
