/* Owns: the programs that are run when the connection has ended, newest first.
 * Must not: answer anybody: there is nobody left when they run.
 * Depends on: check.c, program.c. Start reading at: cleanup_run. */
#include "agent.h"
#include "memory.h"

/* Words that stand before a saved program: key, length, number of descriptors */
enum { CLEANUP_HEAD = 3 };

/* One mapping each: this head, the descriptors that came with the frame, the program. */
struct cleanup {
  struct cleanup *older;
  uint64_t size;
  uint32_t key;
  uint32_t length;
  uint32_t attached_count;
  int32_t attached[LIMIT_DESCRIPTORS];
  _Alignas(8) uint8_t bytes[];
};

static void forget(uint32_t key) {
  for (struct cleanup **link = &agent.cleanups; *link != NULL; link = &(*link)->older) {
    struct cleanup *old = *link;
    if (old->key != key) continue;
    *link = old->older;
    attached_close(old->attached, old->attached_count);
    pages_free(old, old->size);
    return;
  }
}

static struct cleanup *make(uint32_t key, uint32_t length, uint32_t attached_count) {
  uint64_t size = sizeof(struct cleanup) + length;
  struct cleanup *cleanup = pages(size);
  if (cleanup == NULL) fault(FAULT_NO_MEMORY, size);
  cleanup->size = size;
  cleanup->key = key;
  cleanup->length = length;
  cleanup->attached_count = attached_count;
  return cleanup;
}

/* A broken program is refused while somebody can be told. */
static void check(struct cleanup *cleanup) {
  (void)check_program(cleanup->bytes, cleanup->length, cleanup->attached, cleanup->attached_count);
}

void cleanup_keep(uint32_t key, const uint8_t *bytes, uint32_t length) {
  if (length == 0) {
    forget(key);
    attached_close(agent.attached, agent.attached_count);
    return;
  }
  struct cleanup *cleanup = make(key, length, agent.attached_count);
  memcpy(cleanup->attached, agent.attached, agent.attached_count * sizeof(int32_t));
  memcpy(cleanup->bytes, bytes, length);
  check(cleanup);
  forget(key);
  cleanup->older = agent.cleanups;
  agent.cleanups = cleanup;
}

static uint64_t attached_size(const struct cleanup *cleanup) {
  return cleanup->attached_count * sizeof(cleanup->attached[0]);
}

int64_t cleanup_save(int32_t file) {
  for (const struct cleanup *c = agent.cleanups; c != NULL; c = c->older) {
    const uint32_t head[] = {c->key, c->length, c->attached_count};
    int64_t result = sys_write_all(file, head, sizeof(head));
    if (!failed(result)) result = sys_write_all(file, c->attached, attached_size(c));
    if (!failed(result)) result = sys_write_all(file, c->bytes, c->length);
    if (failed(result)) return result;
  }
  return 0;
}

static void read_all(int32_t file, void *bytes, uint64_t size) {
  if (sys_read(file, bytes, size) != (int64_t)size) fault(FAULT_PAYLOAD_SHORT, size);
}

/* Whoever may start the agent can hand it a file of his own making: its numbers are believed no more than a frame's. */
void cleanup_load(int32_t file) {
  struct cleanup **link = &agent.cleanups;
  uint32_t head[CLEANUP_HEAD];
  while (sys_read(file, head, sizeof(head)) == sizeof(head)) {
    if (head[1] > LIMIT_FRAME) fault(FAULT_VALUE_OUT_OF_RANGE, head[1]);
    if (head[2] > LIMIT_DESCRIPTORS) fault(FAULT_VALUE_OUT_OF_RANGE, head[2]);
    struct cleanup *cleanup = make(head[0], head[1], head[2]);
    read_all(file, cleanup->attached, attached_size(cleanup));
    read_all(file, cleanup->bytes, cleanup->length);
    check(cleanup);
    *link = cleanup;
    link = &cleanup->older;
  }
}

void cleanup_pass(bool through_exec) {
  for (struct cleanup *c = agent.cleanups; c != NULL; c = c->older)
    for (uint32_t i = 0; i < c->attached_count; i++)
      if (c->attached[i] >= 0) (void)sys_fcntl(c->attached[i], F_SETFD, through_exec ? 0 : FD_CLOEXEC);
}

/* In a fresh child: the programs are the parent's. Its descriptors are closed already. */
void cleanup_drop(void) {
  while (agent.cleanups != NULL) {
    struct cleanup *cleanup = agent.cleanups;
    agent.cleanups = cleanup->older;
    pages_free(cleanup, cleanup->size);
  }
}

/* EBUSY is what a cgroup answers for a moment after its last process has ended. */
static bool run_one(struct cleanup *cleanup) {
  struct program program = check_program(cleanup->bytes, cleanup->length, cleanup->attached, cleanup->attached_count);
  struct run run;
  if (!run_open(&run, &program)) return false;
  for (uint32_t ms = 0; ms < LIMIT_CLEANUP_MS; ms++) {
    run_steps(&run);
    if (run.reborn) loop_run();
    if (run.error != EBUSY) break;
    pause_for(1);
  }
  run_close(&run);
  return run.error == 0;
}

bool cleanup_run(void) {
  bool good = agent.cleanups != NULL;
  while (agent.cleanups != NULL) {
    struct cleanup *cleanup = agent.cleanups;
    good = run_one(cleanup) && good;
    agent.cleanups = cleanup->older;
    attached_close(cleanup->attached, cleanup->attached_count);
    pages_free(cleanup, cleanup->size);
  }
  return good;
}
