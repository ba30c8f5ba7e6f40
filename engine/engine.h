#ifndef CARREL_ENGINE_H
#define CARREL_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

/* Bytes of a Uint8Array, or of another view of a buffer: valid as long as the array is. */
struct bytes {
  uint8_t *at;
  size_t size;
};

/* What the build has put into the executable (blob.S). */
extern const uint8_t engine_agent[], engine_agent_end[];
extern const uint8_t engine_parts[], engine_parts_end[];

/* memory.c */
extern const JSMallocFunctions engine_memory;

/* text.c */
JSValue text_encode(JSContext *js, JSValueConst this, int count, JSValueConst *words);
JSValue text_encode_into(JSContext *js, JSValueConst this, int count, JSValueConst *words);
JSValue text_decode(JSContext *js, JSValueConst this, int count, JSValueConst *words);

/* values.c */
int bytes_of(JSContext *js, JSValueConst value, struct bytes *bytes);
JSValue uint8_array(JSContext *js, JSValue buffer);

/* kernel.c */
JSValue kernel_syscall(JSContext *js, JSValueConst this, int count, JSValueConst *words);
JSValue kernel_address(JSContext *js, JSValueConst this, int count, JSValueConst *words);
JSValue kernel_agent(JSContext *js, JSValueConst this, int count, JSValueConst *words);
JSValue kernel_start(JSContext *js, JSValueConst this, int count, JSValueConst *words);
JSValue kernel_now(JSContext *js, JSValueConst this, int count, JSValueConst *words);

/* parts.c */
JSValue parts_load(JSContext *js, JSValueConst this, int count, JSValueConst *words);

#endif
