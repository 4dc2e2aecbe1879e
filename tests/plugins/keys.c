/* Has keys of its own, with limits: what `nvr check` compares a rule with. */
#define CONFIG_SCHEMA                                                                                          \
    "{\"type\":\"object\",\"properties\":{\"share\":{\"type\":\"number\",\"minimum\":0.2,\"maximum\":0.8},"        \
    "\"most\":{\"type\":\"integer\",\"minimum\":1},\"mode\":{\"enum\":[\"near\",\"far\"]}},"                       \
    "\"required\":[\"most\"],\"additionalProperties\":false,\"examples\":[{\"most\":1}]}"
#include "plugin.h"
