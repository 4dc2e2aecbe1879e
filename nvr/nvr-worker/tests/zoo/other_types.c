/* Declares an event type that its manifest does not. */
#define EVENT_TYPE NVR_EVENT_FIRE
#include "plugin.h"
