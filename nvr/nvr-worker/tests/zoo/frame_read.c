/* Says what the first pixel of its frame is. */
#define AT_PROCESS(host, input)                                                                             \
    if (input->gray) {                                                                                      \
        nvr_event_t e = { .type = NVR_EVENT_ZONE_ENTRY, .phase = NVR_PHASE_BEGIN, .object = 1, .end_us = -1, \
                          .w = 1, .h = 1, .measured = input->gray->data[0] };                               \
        host->emit(host->ctx, &e);                                                                          \
    }
#include "plugin.h"
