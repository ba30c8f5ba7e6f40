#ifndef CARREL_ENGINE_H
#define CARREL_ENGINE_H

#include <stdbool.h>
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
extern const uint8_t engine_snapshot[], engine_snapshot_end[];

/* memory.c */
extern const JSMallocFunctions engine_memory;
void *memory_begin(void *at, size_t size);
void memory_continue(size_t used);
void *memory_whole(size_t *used);

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

/* snapshot.c */
bool snapshot_exists(void);
JSContext *snapshot_restore(void);
int snapshot_write(JSContext *js, const char *path);

/* parts.c */
JSValue parts_load(JSContext *js, JSValueConst this, int count, JSValueConst *words);

#endif
