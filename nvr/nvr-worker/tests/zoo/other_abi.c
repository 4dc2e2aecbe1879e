/* Was built for another ABI. */
#define ABI_MAJOR 7
#include "plugin.h"
