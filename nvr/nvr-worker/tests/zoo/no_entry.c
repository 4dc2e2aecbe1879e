/* Exports nothing. */
#define NO_ENTRY
#include "plugin.h"
const int something = sizeof zoo_get_factory;
