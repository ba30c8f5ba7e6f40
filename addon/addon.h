/* Owns: what the files of the addon share: the state of an environment, and values from and to JavaScript.
 * Must not: know the protocol: bytes and descriptors go through unread.
 * Depends on: Node-API 8. Start reading at: struct instance. */
#ifndef ADDON_H
#define ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

enum { BUFFER_BYTES = 256 * 1024, DESCRIPTORS = 253, ARGUMENTS = 3 };

/* One per environment: the main thread and each worker have their own. */
struct instance {
  napi_env env;
  void *loop;
  struct channel *channels;
  napi_async_cleanup_hook_handle hook;
  bool ending;
  uint8_t buffer[BUFFER_BYTES];
};

/* addon.c */
napi_value throw_errno(napi_env env, const char *call, int error);
struct instance *arguments(napi_env env, napi_callback_info info, napi_value *values);
int integer(napi_env env, napi_value value);
napi_value number(napi_env env, int64_t value);
napi_value numbers(napi_env env, const int *values, uint32_t count);
/* Zeroed pages, or NULL. */
void *pages(size_t size);
void instance_end(struct instance *instance);

/* launch.c */
napi_value start(napi_env env, napi_callback_info info);

/* syscall.c */
napi_value system_call(napi_env env, napi_callback_info info);
napi_value address(napi_env env, napi_callback_info info);

/* channel.c */
napi_value channel_watch(napi_env env, napi_callback_info info);
napi_value channel_send(napi_env env, napi_callback_info info);
napi_value channel_on_writable(napi_env env, napi_callback_info info);
napi_value channel_ref(napi_env env, napi_callback_info info);
napi_value channel_unref(napi_env env, napi_callback_info info);
napi_value channel_shutdown(napi_env env, napi_callback_info info);
napi_value channel_pause(napi_env env, napi_callback_info info);
napi_value channel_resume(napi_env env, napi_callback_info info);
napi_value channel_limit(napi_env env, napi_callback_info info);
napi_value channel_pending(napi_env env, napi_callback_info info);
napi_value channel_close(napi_env env, napi_callback_info info);
void channels_close(struct instance *instance);

#endif
