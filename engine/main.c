/* Owns: the process of the standalone executable: its streams, the engine as the build left it, the program, the jobs that follow.
 * Must not: know a command; whatever is said to people but a fault of the engine itself is said in TypeScript.
 * Depends on: all files here, QuickJS. Start reading at: main. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine.h"

enum {
  FAILED = 1,
  STREAMS = 3,
  /* Of the stack, for what the engine does not count */
  SPARE = 64 * 1024,
  MOST_STACK = 4 * 1024 * 1024,
  /* Cycles are looked for from here on: no command of some milliseconds gets there */
  MUCH = 64 * 1024 * 1024,
};

/* Where the memory of a snapshot is while it is made: far from all else, and numbers that nothing else has */
static const uintptr_t FIRST_BASE = 0x2d5f1a300000, SECOND_BASE = 0x1ab7c6e00000;

/* A stream that the caller had closed would be the first file that this process opens. What it executes has it too. */
static void open_streams(void) {
  for (int fd = 0; fd < STREAMS; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) == fd) fcntl(fd, F_SETFD, 0);
}

static void say(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

/* An error that nothing in TypeScript has caught. */
static void say_exception(JSContext *js) {
  JSValue exception = JS_GetException(js), stack = JS_GetPropertyStr(js, exception, "stack");
  const char *text = JS_ToCString(js, exception), *where = JS_ToCString(js, stack);
  say("carrel-oci: ");
  say(text ? text : "out of memory");
  say("\n");
  if (where && !JS_IsUndefined(stack)) say(where);
}

static void say_rejection(JSContext *js, JSValueConst promise, JSValueConst reason, int handled, void *opaque) {
  (void)promise, (void)opaque;
  if (handled) return;
  JS_Throw(js, JS_DupValue(js, reason));
  say_exception(js);
}

static size_t stack_size(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur >= MOST_STACK + SPARE) return MOST_STACK;
  return limit.rlim_cur > 2 * SPARE ? (size_t)limit.rlim_cur - SPARE : SPARE;
}

static JSContext *new_context(JSRuntime *runtime) {
  JSContext *js = JS_NewContextRaw(runtime);
  if (!js) return NULL;
  JS_AddIntrinsicBaseObjects(js);
  JS_AddIntrinsicDate(js);
  JS_AddIntrinsicRegExpCompiler(js);
  JS_AddIntrinsicRegExp(js);
  JS_AddIntrinsicJSON(js);
  JS_AddIntrinsicProxy(js);
  JS_AddIntrinsicMapSet(js);
  JS_AddIntrinsicTypedArrays(js);
  JS_AddIntrinsicPromise(js);
  JS_AddIntrinsicWeakRef(js);
  return js;
}

static JSValue words_of(JSContext *js, char **words) {
  JSValue list = JS_NewArray(js);
  for (uint32_t i = 0; words[i]; i++)
    JS_SetPropertyUint32(js, list, i, JS_NewString(js, words[i]));
  return list;
}

/* argv[1] and so on */
static char **arguments;

static JSValue get_words(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count, (void)words;
  return words_of(js, arguments);
}

static JSValue get_variables(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count, (void)words;
  return words_of(js, environ);
}

/* What the program knows the system by (src/kernel/quickjs-host.ts). */
static JSValue new_host(JSContext *js) {
  static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("load", 1, parts_load),
    JS_CFUNC_DEF("encode", 1, text_encode),
    JS_CFUNC_DEF("decode", 1, text_decode),
    JS_CFUNC_DEF("now", 0, kernel_now),
    JS_CFUNC_DEF("encodeInto", 2, text_encode_into),
    JS_CFUNC_DEF("address", 1, kernel_address),
    JS_CFUNC_DEF("syscall", 7, kernel_syscall),
    JS_CFUNC_DEF("agent", 0, kernel_agent),
    JS_CFUNC_DEF("startAgent", 5, kernel_start),
    JS_CFUNC_DEF("words", 0, get_words),
    JS_CFUNC_DEF("variables", 0, get_variables),
  };
  JSValue host = JS_NewObject(js);
  JS_SetPropertyFunctionList(js, host, functions, sizeof(functions) / sizeof(*functions));
  return host;
}

/* An engine that has evaluated start.js; its memory at this address, or anywhere. */
static JSContext *new_engine(void *at) {
  const size_t size = at ? MUCH : 0;
  if (!memory_begin(at, size)) return NULL;
  memory_continue(0);
  JSRuntime *runtime = JS_NewRuntime2(&engine_memory, NULL);
  JSContext *js = runtime ? new_context(runtime) : NULL;
  if (!js) return NULL;
  JS_SetGCThreshold(runtime, MUCH);
  JS_SetHostPromiseRejectionTracker(runtime, say_rejection, NULL);
  JSValue global = JS_GetGlobalObject(js), name = JS_NewString(js, "start.js");
  bool good = JS_SetPropertyStr(js, global, "carrelHost", new_host(js)) >= 0;
  if (good && !JS_IsException(parts_load(js, global, 1, (JSValueConst[]){name}))) return js;
  say_exception(js);
  return NULL;
}

/* One of the two functions of start.js, and the jobs that it leaves. */
static int call(JSContext *js, const char *name) {
  JSRuntime *runtime = JS_GetRuntime(js);
  JS_UpdateStackTop(runtime);
  JS_SetMaxStackSize(runtime, stack_size());
  JSValue global = JS_GetGlobalObject(js), function = JS_GetPropertyStr(js, global, name);
  int left = JS_IsException(JS_Call(js, function, global, 0, NULL)) ? -1 : 1;
  while (left > 0)
    left = JS_ExecutePendingJob(runtime, &js);
  if (left < 0) say_exception(js);
  return left;
}

/* The build runs an executable without a snapshot by --snapshot FILE, and once more with a further word for another address. */
static int write_snapshot(char **words) {
  JSContext *js = new_engine((void *)(words[1] ? SECOND_BASE : FIRST_BASE));
  if (!js || call(js, "carrelLoad") < 0) return FAILED;
  JS_RunGC(JS_GetRuntime(js));
  return snapshot_write(js, words[0]) < 0 ? FAILED : 0;
}

int main(int argc, char **argv) {
  arguments = argv + (argc > 0 ? 1 : 0);
  open_streams();
  /* Whoever reads what is written may be gone: that is an error of write(2), which the program sees. */
  sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
  if (!snapshot_exists() && argc > 2 && strcmp(argv[1], "--snapshot") == 0) return write_snapshot(argv + 2);
  JSContext *js = snapshot_exists() ? snapshot_restore() : new_engine(NULL);
  if (!js) {
    say("carrel-oci: the engine does not start\n");
    return FAILED;
  }
  if (call(js, "carrelMain") == 0) say("carrel-oci: the program came to its end without an exit code\n");
  /* Programs of TypeScript end by exit_group: whoever comes here has failed. */
  return FAILED;
}
