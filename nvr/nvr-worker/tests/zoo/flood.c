/* Emits a million events in one call. */
#define AT_PROCESS(host, input) \
    for (uint64_t n = 0; n < 1000000; n++) zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, NVR_PHASE_BEGIN, n + 1)
#include "plugin.h"
