/* Owns: waiting for orders and signals.
 * Must not: block on anything else than ppoll(2) between orders.
 * Depends on: input.c, signals.c. Start reading at: loop_run. */
#include "agent.h"

void loop_run(void) {
  for (;;) {
    struct pollfd watched[2] = {{.fd = agent.socket, .events = POLLIN}, {.fd = agent.signals, .events = POLLIN}};
    signals_flush();
    int64_t ready = sys_ppoll(watched, 2, NULL);
    if (ready == -EINTR || ready == -EAGAIN || ready == -ENOMEM) continue;
    if (failed(ready)) finish(1);
    if (watched[1].revents != 0) signals_read();
    if (watched[0].revents != 0) input_read();
  }
}
