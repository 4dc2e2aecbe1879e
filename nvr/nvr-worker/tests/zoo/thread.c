/* Makes a thread. */
#include <pthread.h>
static pthread_t thread;
static void *run(void *arg) { return arg; }
#define AT_PROCESS(host, input) pthread_create(&thread, 0, run, 0)
#include "plugin.h"
