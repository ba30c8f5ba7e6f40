/* Owns: one system call in this process by its number, and the addresses that a struct of its caller's holds.
 * Must not: know any call by name, or change what JavaScript passes.
 * Depends on: addon.c for values. Start reading at: system_call. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

enum { NUMBER, WORDS = 7 };

/* Address of a typed array's bytes; 0 for what is none. */
static uint64_t address_of(napi_env env, napi_value value) {
  void *bytes = NULL;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return 0;
  napi_get_typedarray_info(env, value, NULL, NULL, &bytes, NULL, NULL);
  return (uint64_t)(uintptr_t)bytes;
}

/* A word as the kernel takes it; 0 for null and for what is missing. */
static long word_of(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  int64_t number = 0;
  uint64_t bits = 0;
  bool lossless;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_number:
      napi_get_value_int64(env, value, &number);
      return (long)number;
    case napi_bigint:
      napi_get_value_bigint_uint64(env, value, &bits, &lossless);
      return (long)bits;
    default:
      return (long)address_of(env, value);
  }
}

napi_value system_call(napi_env env, napi_callback_info info) {
  napi_value values[WORDS];
  long words[WORDS];
  size_t count = WORDS;
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  for (size_t i = 0; i < WORDS; i++)
    words[i] = word_of(env, values[i]);
  long result = syscall(words[NUMBER], words[1], words[2], words[3], words[4], words[5], words[6]);
  return number(env, result < 0 ? -errno : result);
}

napi_value address(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  napi_value result = NULL;
  arguments(env, info, values);
  napi_create_bigint_uint64(env, address_of(env, values[0]), &result);
  return result;
}
