/* Says it is of this ABI, and has nothing behind it. */
#include "nvr_plugin.h"
const nvr_plugin_entry_t nvr_plugin_entry = { NVR_ABI_MAJOR, NVR_ABI_MINOR, 0, 0, 0 };
