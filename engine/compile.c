/* Owns: the program of the build that makes bytecode of parts: compile OUTPUT PART… writes, for each, the lengths of its name and code, and both.
 * Must not: be in the executable. Start reading at: main. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine.h"

static void say(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(1);
}

static int fail(const char *what, const char *why) {
  say(what);
  say(": ");
  say(why);
  say("\n");
  return -1;
}

static int write_all(int fd, const void *bytes, size_t size) {
  for (ssize_t done; size > 0; size -= (size_t)done, bytes = (const uint8_t *)bytes + done)
    if ((done = write(fd, bytes, size)) <= 0) return -1;
  return 0;
}

/* The text of a file, with a NUL behind that is not counted. */
static char *read_file(JSContext *js, const char *path, size_t *size) {
  struct stat stat;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &stat) < 0) return NULL;
  *size = (size_t)stat.st_size;
  char *text = js_mallocz(js, *size + 1);
  if (text && read(fd, text, *size) != stat.st_size) text = NULL;
  close(fd);
  return text;
}

static int say_exception(JSContext *js, const char *path) {
  JSValue exception = JS_GetException(js);
  const char *text = JS_ToCString(js, exception);
  return fail(path, text ? text : "no memory");
}

static int compile(JSContext *js, int out, char *path) {
  size_t length, size;
  char *text = read_file(js, path, &length);
  if (!text) return fail(path, "cannot be read");
  const char *name = basename(path);
  JSValue script = JS_Eval(js, text, length, name, JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(script)) return say_exception(js, path);
  uint8_t *code = JS_WriteObject(js, &size, script, JS_WRITE_OBJ_BYTECODE);
  if (!code) return say_exception(js, path);
  uint32_t head[2] = {(uint32_t)strlen(name), (uint32_t)size};
  if (write_all(out, head, sizeof(head)) < 0 || write_all(out, name, head[0]) < 0 || write_all(out, code, size) < 0)
    return fail(path, "cannot be written");
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return fail("compile", "OUTPUT PART…") < 0;
  JSRuntime *runtime = JS_NewRuntime();
  JSContext *js = JS_NewContext(runtime);
  /* Parts are one line each, with names made short: places in them tell nothing. */
  JS_SetStripInfo(runtime, JS_STRIP_DEBUG);
  int out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (out < 0) return fail(argv[1], "cannot be made") < 0;
  for (int i = 2; i < argc; i++)
    if (compile(js, out, argv[i]) < 0) return 1;
  return close(out) < 0;
}
