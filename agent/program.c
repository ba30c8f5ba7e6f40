/* Owns: running a checked program, step by step.
 * Must not: know what a step is for; only the special ones and the calls that would share this stack are known by number.
 * Depends on: child.c, descriptors.c, filter.c, reexec.c. Start reading at: run_steps. */
#include "agent.h"
#include "memory.h"

enum { ARGUMENTS = 6, KIND_BITS = 4, KIND_MASK = 15, TOLERATED_BITS = 192, DECIMAL = 10, TRIES = 1000 };

static _Alignas(8) uint8_t buffer[BUFFER_BYTES];

bool run_open(struct run *run, const struct program *program) {
  uint64_t results = program->head.steps * (uint64_t)sizeof(int64_t);
  uint64_t bytes = results + program->head.reply;
  uint8_t *memory = buffer;
  *run = (struct run){.program = program, .bytes = bytes};
  if (bytes > sizeof(buffer)) {
    memory = pages(bytes);
    if (memory == NULL) return false;
  } else {
    memset(buffer, 0, bytes);
  }
  run->results = (void *)memory;
  run->reply = memory + results;
  return true;
}

void run_close(struct run *run) {
  if ((uint8_t *)run->results != buffer) pages_free(run->results, run->bytes);
}

static int32_t load(const struct run *run, uint64_t at) {
  int32_t value;
  memcpy(&value, run->reply + at, sizeof(value));
  return value;
}

/* 0, or the error of the earlier step that the value depends on. */
static int64_t resolve(const struct run *run, uint32_t kind, uint64_t from, uint64_t *value) {
  switch (kind) {
    case VALUE_DATA:
      *value = ADDRESS(run->program->data + from);
      return 0;
    case VALUE_REPLY:
      *value = ADDRESS(run->reply + from);
      return 0;
    case VALUE_RESULT:
      *value = (uint64_t)run->results[from];
      return failed(run->results[from]) ? run->results[from] : 0;
    case VALUE_ATTACHED:
      *value = NUMBER(run->program->attached[from]);
      return 0;
    case VALUE_LOAD:
      *value = NUMBER(load(run, from));
      return 0;
    default:
      *value = from;
      return 0;
  }
}

int64_t run_send(const struct run *run, const struct wire_send *send) {
  uint64_t value;
  if (send->kind == VALUE_RESULT && send->value >= run->done) return -1;
  if (failed(resolve(run, send->kind, send->value, &value))) return -1;
  /* What a failed program has not written yet reads as 0, which is nobody's to close. */
  if (send->kind == VALUE_LOAD && run->error != 0 && value == 0) return -1;
  return value > INT32_MAX ? -1 : (int64_t)value;
}

bool run_holds(const struct run *run, uint64_t address, uint64_t size) {
  const struct wire_program *head = &run->program->head;
  uint64_t in_data = address - ADDRESS(run->program->data);
  uint64_t in_reply = address - ADDRESS(run->reply);
  return (in_data <= head->data && size <= head->data - in_data) ||
         (in_reply <= head->reply && size <= head->reply - in_reply);
}

static void write_text(uint8_t *to, int64_t value) {
  uint8_t digits[LIMIT_TEXT];
  uint32_t count = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    digits[count++] = (uint8_t)('0' + rest % DECIMAL);
    rest /= DECIMAL;
  } while (rest > 0);
  if (value < 0) digits[count++] = '-';
  memset(to, 0, LIMIT_TEXT);
  while (count > 0)
    *to++ = digits[--count];
}

/* Applies the relocations of one step, from `*next` on; 0 or the error of a step that one of them depends on. */
static int64_t relocate(const struct run *run, uint32_t step, uint32_t *next) {
  const struct program *program = run->program;
  int64_t error = 0;
  for (; *next < program->head.relocations && program->relocations[*next].step == step; ++*next) {
    const struct wire_relocation *r = &program->relocations[*next];
    uint64_t value;
    int64_t missing = resolve(run, r->kind, r->value, &value);
    if (missing != 0) {
      error = missing;
    } else if (r->width == WIDTH_TEXT) {
      write_text(program->data + r->at, (int64_t)value);
    } else {
      memcpy(program->data + r->at, &value, r->width);
    }
  }
  return error;
}

/* Within a root, a rename or mount anywhere on the machine while ".." is walked makes it EAGAIN: to be tried again (openat2(2)). */
static int64_t open_patiently(uint32_t number, const uint64_t *a) {
  int64_t result = sys_any(number, a);
  for (uint32_t i = 0; result == -EAGAIN && i < TRIES; i++)
    result = sys_any(number, a);
  return result;
}

static int64_t execute(struct run *run, uint32_t number, const uint64_t *a) {
  if (filter_forbids(number)) return -(int64_t)LIMIT_FILTERED;
  switch (number) {
    case SPECIAL_CLONE:
      return child_clone(run, a);
    case SPECIAL_DESCRIPTORS:
      return descriptors_place(run, a);
    case SPECIAL_REEXEC:
      return reexec(a);
    default:
      break;
  }
  /* Two processes or threads on this one stack would end both; CLONE is the way to a child. */
  switch (number & ~X32_BIT) {
    case __NR_clone:
    case __NR_clone3:
#ifdef __NR_fork
    case __NR_fork:
    case __NR_vfork:
#endif
      return -EINVAL;
    case __NR_openat2:
      return open_patiently(number, a);
    default:
      return sys_any(number, a);
  }
}

/* Calls that change credentials; of the last two, those that enter a user namespace. */
static bool changes_credentials(uint32_t number) {
  switch (number) {
    case __NR_setuid:
    case __NR_setgid:
    case __NR_setreuid:
    case __NR_setregid:
    case __NR_setresuid:
    case __NR_setresgid:
    case __NR_setfsuid:
    case __NR_setfsgid:
    case __NR_capset:
    case __NR_setns:
    case __NR_unshare:
      return true;
    default:
      return false;
  }
}

/* With the signal that a parent's death sends as it was: the kernel forgets it (prctl(2), PR_SET_PDEATHSIG). */
static int64_t execute_armed(struct run *run, uint32_t number, const uint64_t *a) {
  if (!changes_credentials(number)) return execute(run, number, a);
  const int32_t on_parent_death = signals_on_parent_death();
  int64_t result = execute(run, number, a);
  signals_rearm(on_parent_death);
  return result;
}

static bool tolerates(const struct wire_step *step, int64_t result) {
  uint64_t error = (uint64_t)-result;
  return error < TOLERATED_BITS && (step->tolerated[error / 64] >> (error % 64) & 1) != 0;
}

void run_steps(struct run *run) {
  uint32_t next = 0;
  run->done = 0;
  run->error = 0;
  for (uint32_t i = 0; i < run->program->head.steps; i++) {
    const struct wire_step *step = &run->program->steps[i];
    uint64_t values[ARGUMENTS];
    const uint64_t *arguments = step->kinds == 0 ? step->arguments : values;
    int64_t missing = relocate(run, i, &next);
    for (uint32_t a = 0; a < ARGUMENTS && step->kinds != 0 && missing == 0; a++)
      missing = resolve(run, step->kinds >> (a * KIND_BITS) & KIND_MASK, step->arguments[a], &values[a]);
    int64_t result = missing != 0 ? missing : execute_armed(run, step->number, arguments);
    if (run->reborn) return;
    signals_flush();
    run->results[i] = result;
    run->done = i + 1;
    if (missing == 0 && failed(result) && !tolerates(step, result)) {
      run->error = (int32_t)-result;
      return;
    }
  }
}
