/* Makes a child. */
#include <unistd.h>
#define AT_PROCESS(host, input) (void)!fork()
#include "plugin.h"
