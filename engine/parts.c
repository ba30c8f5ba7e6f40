/* Owns: finding a part of the program among those in the executable, and making its functions of their bytecode.
 * Must not: trust a size (the build wrote them, and a damaged file is to fail and not to be executed). Start reading at: parts_load. */
#include <string.h>

#include "engine.h"

/* Numbers in front of a part: lengths of its name and of its bytecode (compile.c). */
struct head {
  uint32_t name;
  uint32_t code;
};

static const uint8_t *find(const char *name, size_t length, size_t *size) {
  for (const uint8_t *at = engine_parts; (size_t)(engine_parts_end - at) > sizeof(struct head);) {
    struct head head;
    memcpy(&head, at, sizeof(head));
    at += sizeof(head);
    if ((size_t)head.name + head.code > (size_t)(engine_parts_end - at)) return NULL;
    *size = head.code;
    if (head.name == length && memcmp(at, name, length) == 0) return at + head.name;
    at += (size_t)head.name + head.code;
  }
  return NULL;
}

/* Evaluates a part; its value, which is a function of `require` and its module for all but the first one. */
JSValue parts_load(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count;
  size_t length, size;
  const char *name = JS_ToCStringLen(js, &length, words[0]);
  if (!name) return JS_EXCEPTION;
  const uint8_t *code = find(name, length, &size);
  if (!code) JS_ThrowReferenceError(js, "There is no part \"%s\" in this executable", name);
  JS_FreeCString(js, name);
  if (!code) return JS_EXCEPTION;
  JSValue script = JS_ReadObject(js, code, size, JS_READ_OBJ_BYTECODE);
  return JS_IsException(script) ? script : JS_EvalFunction(js, script);
}
