/* Kills its parent. */
#include <signal.h>
#include <unistd.h>
#define AT_PROCESS(host, input) kill(getppid(), SIGKILL)
#include "plugin.h"
