/* Owns: putting descriptors at the numbers where a program or a fresh child expects them.
 * Must not: overwrite the control socket, or a source that is still to be copied.
 * Depends on: sys.h. Start reading at: descriptors_place. */
#include "agent.h"
#include "memory.h"

struct pair {
  int32_t source;
  int32_t target;
};

enum { PAIRS, PAIR_COUNT };

static int32_t number_at(const uint8_t *numbers, uint64_t index) {
  int32_t value;
  memcpy(&value, numbers + index * sizeof(value), sizeof(value));
  return value;
}

/* Moves `*fd` to a number from `above` on, when it stands below. */
static int64_t move(int32_t *fd, int32_t above) {
  if (*fd < 0 || *fd >= above) return 0;
  int64_t copy = sys_fcntl(*fd, F_DUPFD_CLOEXEC, NUMBER(above));
  if (failed(copy)) return copy;
  (void)sys_close(*fd);
  *fd = (int32_t)copy;
  return 0;
}

/* Replaces each source by a copy from `above` on; after a failure no copy is left. */
static int64_t copy_sources(struct pair *pairs, uint64_t count, int32_t above) {
  for (uint64_t i = 0; i < count; i++) {
    int64_t copy = sys_fcntl(pairs[i].source, F_DUPFD_CLOEXEC, NUMBER(above));
    if (failed(copy)) {
      while (i-- > 0)
        (void)sys_close(pairs[i].source);
      return copy;
    }
    pairs[i].source = (int32_t)copy;
  }
  return 0;
}

int64_t descriptors_place(struct run *run, const uint64_t *a) {
  struct pair pairs[LIMIT_DESCRIPTORS];
  uint64_t count = a[PAIR_COUNT];
  int32_t above = LIMIT_CONTROL;
  if (count > LIMIT_DESCRIPTORS) return -EINVAL;
  if (count > 0) {
    if (!run_holds(run, a[PAIRS], count * sizeof(struct pair))) return -EFAULT;
    memcpy(pairs, (void *)(uintptr_t)a[PAIRS], count * sizeof(struct pair));
  }
  for (uint64_t i = 0; i < count; i++) {
    if (pairs[i].target < 0 || pairs[i].target == INT32_MAX) return -EBADF;
    if (pairs[i].target >= above) above = pairs[i].target + 1;
  }
  int64_t result = sys_close_range(LIMIT_CONTROL, CLOSE_RANGE_CLOEXEC);
  if (result == 0) result = move(&agent.socket, above);
  if (result == 0) result = move(&agent.signals, above);
  if (result == 0) result = copy_sources(pairs, count, above);
  if (result != 0) return result;
  for (uint64_t i = 0; i < count; i++) {
    int64_t placed = result == 0 ? sys_dup3(pairs[i].source, pairs[i].target, 0) : 0;
    if (failed(placed)) result = placed;
    (void)sys_close(pairs[i].source);
  }
  return result;
}

/* A fresh child: control socket and kept descriptors to their numbers, everything else closed. */
bool descriptors_adopt(int32_t control, uint8_t *kept, uint32_t count) {
  struct pair pairs[LIMIT_DESCRIPTORS + 1];
  pairs[0] = (struct pair){control, LIMIT_CONTROL};
  for (uint32_t i = 0; i < count; i++)
    pairs[i + 1] = (struct pair){number_at(kept, i), (int32_t)(LIMIT_KEPT + i)};
  if (failed(copy_sources(pairs, count + 1, (int32_t)(LIMIT_KEPT + count)))) return false;
  for (uint32_t i = 0; i <= count; i++)
    if (failed(sys_dup3(pairs[i].source, pairs[i].target, O_CLOEXEC))) return false;
  return sys_close_range(LIMIT_KEPT + count, 0) == 0;
}
