/* Owns: system calls of this process, and the start of an agent by vfork(2).
 * Must not: know what a call is for. Depends on: values.c. Start reading at: kernel_syscall. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

enum { WORDS = 7 };

/* A word of a system call, and the text to let go of after it. */
struct word {
  long value;
  const char *text;
};

/* Numbers as they are, texts and bytes by their address, null and undefined as 0. Texts with a NUL have no end that the kernel would see. */
static int word_of(JSContext *js, JSValueConst value, struct word *word) {
  *word = (struct word){0, NULL};
  if (JS_IsNull(value) || JS_IsUndefined(value)) return 0;
  if (JS_IsString(value)) {
    size_t size;
    word->text = JS_ToCStringLen(js, &size, value);
    word->value = (long)(intptr_t)word->text;
    if (!word->text || strlen(word->text) == size) return word->text ? 0 : -1;
    JS_ThrowTypeError(js, "Text for the kernel must not hold NUL");
    return -1;
  }
  if (JS_IsObject(value)) {
    struct bytes bytes;
    if (bytes_of(js, value, &bytes) < 0) return -1;
    word->value = bytes.size > 0 ? (long)(intptr_t)bytes.at : 0;
    return 0;
  }
  int64_t number;
  if (JS_ToInt64Ext(js, &number, value) < 0) return -1;
  word->value = (long)number;
  return 0;
}

/* One system call by its number, with at most six words: what it returns, or -errno. */
JSValue kernel_syscall(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this;
  struct word word[WORDS] = {{0, NULL}};
  int bad = 0;
  for (int i = 0; i < count && i < WORDS && !bad; i++)
    bad = word_of(js, words[i], &word[i]);
  long result = -EINVAL;
  if (!bad) {
    result =
      syscall(word[0].value, word[1].value, word[2].value, word[3].value, word[4].value, word[5].value, word[6].value);
    if (result == -1) result = -errno;
  }
  for (int i = 0; i < WORDS; i++)
    if (word[i].text) JS_FreeCString(js, word[i].text);
  return bad ? JS_EXCEPTION : JS_NewInt64(js, result);
}

/* Address of bytes, which stay where they are as long as the array lives. */
JSValue kernel_address(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count;
  struct bytes bytes;
  if (bytes_of(js, words[0], &bytes) < 0) return JS_EXCEPTION;
  return JS_NewBigUint64(js, bytes.size > 0 ? (uint64_t)(uintptr_t)bytes.at : 0);
}

static void stays(JSRuntime *runtime, void *opaque, void *at) { (void)runtime, (void)opaque, (void)at; }

/* The agent's binary, where it lies in this executable. */
JSValue kernel_agent(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count, (void)words;
  uint8_t *at = (uint8_t *)(uintptr_t)engine_agent;
  size_t size = (size_t)(engine_agent_end - engine_agent);
  return uint8_array(js, JS_NewArrayBuffer(js, at, size, stays, NULL, 0));
}

/* In the child, with this process's memory: nothing but calls. What failed is left in `error`. */
static void become(int image, int control, int number, char *const *argv, char *const *envp, volatile int *error) {
  int moved = control == number ? fcntl(control, F_SETFD, 0) : dup2(control, number);
  if (moved >= 0) syscall(SYS_execveat, image, "", argv, envp, AT_EMPTY_PATH);
  *error = errno;
  _exit(127);
}

/* start(image, control, number, name, variable): a child that executes the image with its control socket at that number: its pid, or -errno. */
JSValue kernel_start(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count;
  int32_t fds[3];
  for (int i = 0; i < 3; i++)
    if (JS_ToInt32(js, &fds[i], words[i]) < 0) return JS_EXCEPTION;
  const char *name = JS_ToCString(js, words[3]), *variable = JS_ToCString(js, words[4]);
  volatile int error = name && variable ? 0 : ENOMEM;
  pid_t pid = -1;
  if (!error) {
    char *argv[] = {(char *)(uintptr_t)name, NULL}, *envp[] = {(char *)(uintptr_t)variable, NULL};
    pid = vfork();
    if (pid == 0) become(fds[0], fds[1], fds[2], argv, envp, &error);
    if (pid < 0) error = errno;
  }
  if (name) JS_FreeCString(js, name);
  if (variable) JS_FreeCString(js, variable);
  return JS_NewInt32(js, error ? -error : pid);
}

/* Milliseconds of the monotonic clock. */
JSValue kernel_now(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count, (void)words;
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return JS_NewFloat64(js, (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6);
}
