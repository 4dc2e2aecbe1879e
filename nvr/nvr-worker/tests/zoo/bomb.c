/* Its destructor is a crash. */
#define AT_DESTROY(host) abort()
#include "plugin.h"
