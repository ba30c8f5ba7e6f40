/* Owns: text as bytes and back, as the Encoding Standard has it (encoding.spec.whatwg.org): what is no text becomes U+FFFD.
 * Must not: know what a text is for. Depends on: values.c. Start reading at: text_decode. */
#include <stdbool.h>
#include <string.h>

#include "engine.h"

static const uint8_t REPLACEMENT[3] = {0xef, 0xbf, 0xbd};

/* Half of a surrogate pair: QuickJS encodes it like any other character of three bytes. */
static bool is_half(const uint8_t *at) { return at[0] == 0xed && at[1] >= 0xa0; }

static void replace_halves(uint8_t *at, size_t size) {
  uint8_t *end = at + size;
  while ((at = memchr(at, 0xed, (size_t)(end - at)))) {
    if (is_half(at)) memcpy(at, REPLACEMENT, sizeof(REPLACEMENT));
    at += 3;
  }
}

JSValue text_encode(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count;
  size_t size;
  const char *text = JS_ToCStringLen(js, &size, words[0]);
  if (!text) return JS_EXCEPTION;
  JSValue buffer = JS_NewArrayBufferCopy(js, (const uint8_t *)text, size);
  JS_FreeCString(js, text);
  JSValue array = uint8_array(js, buffer);
  struct bytes bytes;
  if (!JS_IsException(array) && bytes_of(js, array, &bytes) == 0) replace_halves(bytes.at, bytes.size);
  return array;
}

/* How many of these bytes are whole characters, when no more than `most` have room; `units` is their length as JavaScript counts. */
static size_t whole_characters(const uint8_t *at, size_t size, size_t most, size_t *units) {
  size_t room = size < most ? size : most;
  while (room < size && room > 0 && (at[room] & 0xc0) == 0x80)
    room--;
  *units = 0;
  for (size_t i = 0; i < room; i++)
    *units += (at[i] & 0xc0) == 0x80 ? 0 : at[i] >= 0xf0 ? 2 : 1;
  return room;
}

JSValue text_encode_into(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count;
  struct bytes into;
  if (bytes_of(js, words[1], &into) < 0) return JS_EXCEPTION;
  size_t size, read;
  const char *text = JS_ToCStringLen(js, &size, words[0]);
  if (!text) return JS_EXCEPTION;
  size_t written = whole_characters((const uint8_t *)text, size, into.size, &read);
  if (written > 0) {
    memcpy(into.at, text, written);
    replace_halves(into.at, written);
  }
  JS_FreeCString(js, text);
  JSValue result = JS_NewObject(js);
  if (JS_IsException(result)) return result;
  if (JS_SetPropertyStr(js, result, "read", JS_NewInt64(js, (int64_t)read)) < 0) return JS_EXCEPTION;
  if (JS_SetPropertyStr(js, result, "written", JS_NewInt64(js, (int64_t)written)) < 0) return JS_EXCEPTION;
  return result;
}

/* Length of the character that begins here; 0 and the length of what one U+FFFD stands for when there is none. */
static size_t character(const uint8_t *at, size_t left, size_t *wrong) {
  uint8_t lead = at[0];
  *wrong = 1;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint8_t lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i < size; i++) {
    *wrong = i;
    if (i >= left || at[i] < lowest || at[i] > highest) return 0;
    lowest = 0x80, highest = 0xbf;
  }
  return size;
}

/* Size of the text that the bytes are, with replacements; writes it unless `out` is null. */
static size_t decode(const uint8_t *at, size_t size, uint8_t *out) {
  size_t total = 0;
  for (size_t i = 0; i < size;) {
    size_t wrong, good = character(at + i, size - i, &wrong);
    const uint8_t *from = good ? at + i : REPLACEMENT;
    size_t length = good ? good : sizeof(REPLACEMENT);
    if (out) memcpy(out + total, from, length);
    total += length;
    i += good ? good : wrong;
  }
  return total;
}

static bool is_ascii(const uint8_t *at, size_t size) {
  uint64_t all = 0;
  for (; size >= sizeof(all); at += sizeof(all), size -= sizeof(all)) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    all |= word;
  }
  for (; size > 0; size--)
    all |= *at++;
  return (all & 0x8080808080808080U) == 0;
}

JSValue text_decode(JSContext *js, JSValueConst this, int count, JSValueConst *words) {
  (void)this, (void)count;
  struct bytes bytes;
  if (bytes_of(js, words[0], &bytes) < 0) return JS_EXCEPTION;
  if (is_ascii(bytes.at, bytes.size)) return JS_NewStringLen(js, (const char *)bytes.at, bytes.size);
  /* A byte order mark in front is none of the text. */
  const uint8_t *at = bytes.at;
  size_t size = bytes.size;
  if (size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) at += 3, size -= 3;
  size_t total = decode(at, size, NULL);
  uint8_t *copy = js_malloc(js, total + 1);
  if (!copy) return JS_EXCEPTION;
  decode(at, size, copy);
  JSValue text = JS_NewStringLen(js, (const char *)copy, total);
  js_free(js, copy);
  return text;
}
