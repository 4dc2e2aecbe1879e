/* Declares an event type that is on no list. */
#define EVENT_TYPE 4711
#include "plugin.h"
