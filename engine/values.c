/* Owns: what the other files here share about values of QuickJS.
 * Must not: keep a reference. Start reading at: bytes_of. */
#include "engine.h"

/* -1 with an exception for what is no array of bytes, and for one whose buffer was detached. */
int bytes_of(JSContext *js, JSValueConst value, struct bytes *bytes) {
  size_t offset, size, whole;
  JSValue buffer = JS_GetTypedArrayBuffer(js, value, &offset, &size, NULL);
  if (JS_IsException(buffer)) return -1;
  uint8_t *at = JS_GetArrayBuffer(js, &whole, buffer);
  /* The array has its own reference. */
  JS_FreeValue(js, buffer);
  if (!at && size > 0) return -1;
  *bytes = (struct bytes){at ? at + offset : NULL, size};
  return 0;
}

/* Takes the buffer. */
JSValue uint8_array(JSContext *js, JSValue buffer) {
  if (JS_IsException(buffer)) return buffer;
  JSValueConst words[3] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
  JSValue array = JS_NewTypedArray(js, 3, words, JS_TYPED_ARRAY_UINT8);
  JS_FreeValue(js, buffer);
  return array;
}
