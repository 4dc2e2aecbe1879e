/* Is another plugin than its manifest says. */
#define PLUGIN_ID "fire"
#include "plugin.h"
