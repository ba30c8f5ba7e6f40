import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Gate, Outcome } from './gate.ts'
import { isGenerated, projectFiles, ROOT } from './project-files.ts'
import { lineOf, scanSource } from './scan-source.ts'

const MAX_FUNCTION_LINES = 60

/** A thing that C code here never does, with code that must trip the rule and code that must not (both are tested). */
export interface CRule {
  readonly forbids: RegExp
  /** What the rule prevents, and what to write instead */
  readonly because: string
  readonly trips: readonly string[]
  readonly passes: readonly string[]
  /** Folder that the rule is about; without it, all C */
  readonly folder?: string
  /** Also look inside comments */
  readonly inComments?: true
}

/** Rules on the text of agent/, addon/ and engine/; what the compiler can warn of is left to it. */
export const C_RULES: readonly CRule[] = [
  {
    forbids: /\b(?:malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|alloca)\s*\(/,
    because: 'sizes are bounded at start: use a fixed buffer or one mmap, so that memory cannot run out or be overrun',
    trips: ['p = malloc(8);', 'char *s = strdup (t);', 'alloca(n)'],
    folder: 'agent/',
    passes: ['arena_malloc_count = 1;', '/* malloc( */', 'mmap(0, n, PROT_READ, MAP_PRIVATE, -1, 0)'],
  },
  {
    forbids: /\b(?:v?(?:s|sn|f|d)?printf|puts|fputs|perror|strerror|syslog|fopen|fwrite|fread)\s*\(/,
    because:
      'the agent answers with numbers; texts are made in TypeScript, and stdio allocates and buffers across clone',
    trips: ['printf("x");', 'snprintf(b, 4, "%d", 1);', 'perror("x");', 'strerror(errno)'],
    passes: ['print_step();', 'x.printf_like = 1;'],
  },
  {
    forbids: /\b(?:strcpy|strcat|strncpy|strtok|gets|scanf|sscanf|atoi|atol|strtol|strtoul)\s*\(/,
    because: 'no text is parsed or copied by its NUL in C: lengths travel with the data',
    trips: ['strcpy(a, b);', 'n = atoi(s);'],
    passes: ['memcpy(a, b, n);', 'my_strcpy_test;'],
  },
  {
    forbids: /\b(?:system|popen|execvp|execlp|execvpe|getenv|setenv|putenv)\s*\(/,
    because:
      'no shell, no PATH and no environment of the controller: TypeScript names the file and passes every variable',
    trips: ['system("ls");', 'execvp(f, a);', 'getenv("HOME")'],
    passes: ['execve(f, a, e);', 'ecosystem(1);', 'execveat(fd, "", a, e, 0);'],
  },
  {
    forbids: /\b(?:setjmp|longjmp|signal|sleep|usleep|rand|srand)\s*\(/,
    because: 'use returns, sigaction or signalfd with given masks, and timers of the event loop',
    trips: ['signal(SIGINT, h);', 'longjmp(b, 1);'],
    passes: ['pidfd_send_signal(fd, s, 0, 0);', 'nanosleep(&t, 0);', 'on_signal(x);'],
  },
  {
    forbids: /\b(?:pipe|accept|dup|epoll_create|inotify_init|creat)\s*\(/,
    because:
      'the call cannot make a close-on-exec descriptor: use pipe2, accept4, fcntl(F_DUPFD_CLOEXEC), epoll_create1',
    trips: ['pipe(fds);', 'fd = dup(0);', 'accept(s, 0, 0);'],
    passes: ['pipe2(fds, O_CLOEXEC);', 'dup3(a, b, O_CLOEXEC);', 'dup2(a, 1);'],
  },
  {
    forbids:
      /\b(?:open|openat|socket|socketpair|memfd_create|epoll_create1|pipe2|accept4|signalfd4?|recvmsg)\s*\((?![^;{]*CLOEXEC)[^;{]*;/,
    because: 'every descriptor is close-on-exec from birth: name the CLOEXEC flag in the call itself',
    trips: ['fd = open(p, O_RDONLY);', 'socket(AF_UNIX,\n SOCK_STREAM, 0);', 'recvmsg(s, &m, 0);'],
    passes: [
      'fd = open(p, O_RDONLY | O_CLOEXEC);',
      'recvmsg(s, &m, MSG_CMSG_CLOEXEC);',
      'static int open(const char *p, int f) {',
      'reopen(p);',
    ],
  },
  {
    forbids: /\b(?:TODO|FIXME|XXX|HACK)\b/,
    because: 'do it or write it down where it is found',
    trips: ['/* TODO: later */', '// FIXME'],
    passes: ['/* to do this */'],
    inComments: true,
  },
  {
    forbids: /\/\/[^\n]*[;{}][ \t]*$/m,
    because: 'dead code is not kept in comments',
    trips: ['// close(fd);', 'a(); // b();'],
    passes: ['// closes the descriptor', 'a(); // why'],
    inComments: true,
  },
]

/** Places in a C text that break a rule. */
export function judgeC(path: string, text: string, rules: readonly CRule[] = C_RULES): readonly string[] {
  const { codeOnly } = scanSource(text, 'c')
  const applying = rules.filter((rule) => path.startsWith(rule.folder ?? ''))
  const broken = applying.flatMap((rule) => {
    const global = new RegExp(rule.forbids.source, `${rule.forbids.flags}g`)
    return [...(rule.inComments ? text : codeOnly).matchAll(global)].map((match) => {
      const shown = match[0].replace(/\s+/g, ' ').trim()
      return `${path}:${lineOf(text, match.index)}: "${shown}": ${rule.because}`
    })
  })
  return [...broken, ...longFunctions(path, codeOnly)]
}

function longFunctions(path: string, codeOnly: string): readonly string[] {
  const problems: string[] = []
  let begin = 0
  codeOnly.split('\n').forEach((line, index) => {
    if (/^\w[^;=]*\)\s*\{\s*$/.test(line) || /^\{\s*$/.test(line)) begin = index + 1
    if (begin > 0 && line.startsWith('}')) {
      const lines = index + 2 - begin
      if (lines > MAX_FUNCTION_LINES) {
        problems.push(`${path}:${begin}: the function has ${lines} lines, at most ${MAX_FUNCTION_LINES}`)
      }
      begin = 0
    }
  })
  return problems
}

/** C files written by hand, as paths relative to the root. */
export function cFiles(): readonly string[] {
  const files = ['agent', 'addon', 'engine'].flatMap((folder) => projectFiles(folder))
  return files.filter((path) => /\.[ch]$/.test(path) && !isGenerated(path))
}

/** Style of the C code beyond its format. */
export const cStyleGate: Gate = { name: 'c-style', run }

function run(): Outcome {
  // What only tests run may use all of libc.
  const paths = cFiles().filter((path) => !/\/(?:test|fuzz)\//.test(path))
  const problems = paths.flatMap((path) => judgeC(path, readFileSync(join(ROOT, path), 'utf8')))
  return { counts: { 'C files': paths.length, rules: C_RULES.length + 1 }, problems }
}
