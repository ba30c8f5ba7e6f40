/* Owns: the state of this process and what each file offers to the others.
 * Must not: know containers or policy: what to do always comes with a frame.
 * Depends on: generated/protocol.h, sys.h. Start reading at: struct agent, then loop.c. */
#ifndef AGENT_H
#define AGENT_H

#include "generated/protocol.h"
#include "sys.h"

/* The fuzz driver makes it small, so that most frames and replies get pages of their own. */
#if !defined(AGENT_BUFFER_BYTES)
#define AGENT_BUFFER_BYTES 32768
#endif

/* Stands in the queue for descriptors that the kernel dropped. */
enum { DESCRIPTOR_LOST = -2 };

enum { BUFFER_BYTES = AGENT_BUFFER_BYTES, QUEUE_LENGTH = 2 * LIMIT_DESCRIPTORS };

/* A program whose every count, offset and index has been checked (check.c). */
struct program {
  struct wire_program head;
  struct wire_step *steps;
  const struct wire_relocation *relocations;
  const struct wire_send *sends;
  uint8_t *data;
  int32_t *attached;
  uint32_t attached_count;
};

/* One execution of a program (program.c). */
struct run {
  const struct program *program;
  int64_t *results;
  uint8_t *reply;
  uint64_t bytes;
  uint32_t done;
  int32_t error;
  /* This is the fresh child that a CLONE step has made: nothing of the run counts any more. */
  bool reborn;
};

struct cleanup;

/* The child that this process stands in for (follow.c); pid 0: none */
struct followed {
  int32_t pid;
  bool terminal;
  uint32_t length;
  uint8_t *words;
};

/* Which file an open one is; all 0 when that is not known. */
struct identity {
  uint64_t device;
  uint64_t inode;
};

/* Of x86-64's second table (x32), which has the same calls by other numbers. */
#define X32_BIT 0x40000000U

struct agent {
  int32_t socket;
  int32_t signals;
  uint64_t mask;
  /* Signal of prctl(2) PR_SET_PDEATHSIG that this process began with, or had before an exec */
  int32_t on_parent_death;
  /* The timer that wakes this process until it sees that its connection has ended (signals.c) */
  int32_t timer;
  bool waking;
  /* Id of the order being handled: a fault names it. */
  uint32_t order;
  bool greeted;
  bool detached;
  /* What this process runs from (image.c) */
  struct identity image;
  /* Calls that are forbidden, a bit each (filter.c) */
  struct wire_filter filter;
  struct wire_options options;
  /* What certain children get instead when the connection has ended (end.c) */
  uint32_t orphan_count;
  struct wire_orphan orphans[LIMIT_ORPHANS];
  /* Descriptors received for frames that are not complete yet, in order. */
  uint32_t queue_count;
  int32_t queue[QUEUE_LENGTH];
  /* Descriptors of the order being handled. */
  uint32_t attached_count;
  int32_t attached[LIMIT_DESCRIPTORS];
  struct cleanup *cleanups;
  struct followed followed;
};
/* Hidden: a symbol that might come from elsewhere is reached through a table of addresses on arm64, which needs a relocation. */
extern struct agent agent __attribute__((visibility("hidden")));

/* Of the process that executed this file, for a command that follow.c executes */
extern char **environment __attribute__((visibility("hidden")));

/* image.c: both return only when they failed. A file with capabilities is executed itself, not a copy */
void image_execute(bool keep_file);
void image_remember(void);
/* Executes an open file, or /proc/self/exe for a negative one; ENOEXEC unless it is what this process runs from. `option` is argv[1] */
int64_t image_replace(int32_t file, const char *option);

/* loop.c */
_Noreturn void loop_run(void);

/* input.c */
void input_read(void);
void input_reset(void);
/* Whether more has been read than the order being handled. */
bool input_pending(void);

/* orders.c: false when this process is a fresh child, for which the frame does not count. */
bool order_handle(const struct wire_frame *frame, uint8_t *payload);
void attached_close(int32_t *fds, uint32_t count);

/* output.c */
int64_t output_send(uint16_t type, uint32_t id, struct part *parts, uint32_t count, const int32_t *fds,
                    uint32_t fd_count);
void output_event(uint16_t type, void *head, uint64_t head_size, void *rest, uint64_t rest_size);
void output_reply(uint32_t id, struct run *run);
_Noreturn void fault(uint32_t code, uint64_t value);

/* check.c */
struct program check_program(uint8_t *bytes, uint64_t length, int32_t *attached, uint32_t attached_count);

/* program.c */
bool run_open(struct run *run, const struct program *program);
void run_steps(struct run *run);
void run_close(struct run *run);
/* Descriptor number that a send names, negative when there is none. */
int64_t run_send(const struct run *run, const struct wire_send *send);
/* Whether `size` bytes at an address lie in the data or the reply of the program. */
bool run_holds(const struct run *run, uint64_t address, uint64_t size);

/* filter.c */
bool filter_forbids(uint32_t number);
void filter_add(const struct wire_filter *more);
void filter_inherit(void);

/* reexec.c */
int64_t reexec(const uint64_t *arguments);
_Noreturn void reexec_resume(int32_t file);

/* child.c */
int64_t child_clone(struct run *run, const uint64_t *arguments);

/* descriptors.c */
int64_t descriptors_place(struct run *run, const uint64_t *arguments);
bool descriptors_adopt(int32_t control, uint8_t *kept, uint32_t count);

/* signals.c */
void signals_open(int32_t on_parent_death);
/* For reexec.c: as the old image was. */
void signals_resume(void);
void signals_block(void);
void signals_rest(void);
/* The kernel forgets the signal when a process changes its credentials (prctl(2), PR_SET_PDEATHSIG): asked for before, set again after. */
int32_t signals_on_parent_death(void);
void signals_rearm(int32_t on_parent_death);
void signals_select(uint64_t mask);
void signals_read(void);
void signals_reap(void);
/* Tells what trapped system calls left behind. */
void signals_flush(void);

/* follow.c: 0, or why that cannot be done */
int64_t follow_keep(const struct wire_follow *order, const uint8_t *words, uint32_t length);
bool following(void);
_Noreturn void follow_child(void);

/* cleanup.c */
void cleanup_keep(uint32_t key, const uint8_t *bytes, uint32_t length);
void cleanup_drop(void);
/* False when one of them failed, or there was none */
bool cleanup_run(void);
/* For reexec.c: every registered program, written to and read from a file, and whether an exec leaves its descriptors open. */
int64_t cleanup_save(int32_t file);
void cleanup_load(int32_t file);
void cleanup_pass(bool through_exec);

/* end.c */
_Noreturn void finish(int32_t code);
void pause_for(uint32_t ms);
/* 0, or why that cannot be done for a child. */
int64_t orphan_add(const struct wire_orphan *orphan);
void orphan_forget(int32_t pid);

#endif
