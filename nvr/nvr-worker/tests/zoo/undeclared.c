/* Emits a type it does not declare. */
#define AT_PROCESS(host, input) zoo_say(host, input, NVR_EVENT_FIRE, NVR_PHASE_BEGIN, 1)
#include "plugin.h"
