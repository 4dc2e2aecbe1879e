/* Its library destructor is a crash; it is never run. */
#include <stdlib.h>
__attribute__((destructor)) static void at_exit(void) { abort(); }
static int inputs;
#define AT_PROCESS(host, input) \
    if (++inputs == 1) zoo_say(host, input, NVR_EVENT_ZONE_ENTRY, NVR_PHASE_BEGIN, 1)
#include "plugin.h"
