/*
 * What every plugin of the zoo shares: a detector that works, with hooks where one of them misbehaves.
 * A plugin defines the hooks it wants (AT_LOAD, AT_INIT, AT_CREATE, AT_PROCESS, AT_STOP, AT_DESTROY) or MORE_NEEDS, then includes this.
 * Built with -DIN_SERVICE it behaves until it is given a frame of a camera: those have a time of day, the self-test's have not.
 */
#include "nvr_plugin.h"

#include <stdlib.h>
#include <string.h>

#ifndef ABI_MAJOR
#define ABI_MAJOR NVR_ABI_MAJOR
#endif
#ifndef AT_INIT
#define AT_INIT(host) (void)0
#endif
#ifndef AT_CREATE
#define AT_CREATE(host) (void)0
#endif
#ifndef AT_PROCESS
#define AT_PROCESS(host, input) (void)0
#endif
#ifndef AT_STOP
#define AT_STOP(host) (void)0
#endif
#ifndef AT_DESTROY
#define AT_DESTROY(host) (void)0
#endif
#ifndef PLUGIN_ID
#define PLUGIN_ID "zone-entry"
#endif
#ifndef MORE_NEEDS
#define MORE_NEEDS
#endif
#ifndef EVENT_TYPE
#define EVENT_TYPE NVR_EVENT_ZONE_ENTRY
#endif
#ifndef SITUATION
#define SITUATION "zone-entry"
#endif
#ifndef REGIME
#define REGIME NVR_REGIME_EVENT_EIGHT
#endif
#ifndef CONFIG_SCHEMA
#define CONFIG_SCHEMA "{}"
#endif
#ifndef OUTPUTS
#define OUTPUTS NVR_OUTPUT_EVENTS
#endif

#define STR(s) ((nvr_str_t){ s, sizeof(s) - 1 })

static const nvr_host_t *zoo_host;
#ifdef IN_SERVICE
static int zoo_misbehaves;
#define SEEN(input) zoo_misbehaves |= (input)->wall_us > 0
#else
static const int zoo_misbehaves = 1;
#define SEEN(input) (void)0
#endif

/* One event about one object: begun with the first input, as a good plugin would. */
static nvr_status_t zoo_say(const nvr_host_t *host, const nvr_input_t *input, int32_t type, int32_t phase,
                            uint64_t object) {
    nvr_event_t event;
    memset(&event, 0, sizeof event);
    event.type = type;
    event.phase = phase;
    event.object = object;
    event.since_us = event.start_us = input->at_us;
    event.end_us = phase == NVR_PHASE_END ? input->at_us : -1;
    event.w = event.h = 1.0f;
    event.score = 0.5f;
    return host->emit(host->ctx, &event);
}

static const nvr_needs_t zoo_needs = { .labels = { { 1, 0 } }, .fps = 5.0f, .fps_min = 1.0f, MORE_NEEDS };
static const nvr_event_type_t zoo_types[] = { EVENT_TYPE };
static const nvr_descriptor_t zoo_descriptor = {
    .id = { PLUGIN_ID, sizeof(PLUGIN_ID) - 1 },
    .name = { "Zoo", 3 },
    .version = { "1.0.0", 5 },
    .situation = { SITUATION, sizeof(SITUATION) - 1 },
    .texts = { "{}", 2 },
    .config_schema = { CONFIG_SCHEMA, sizeof(CONFIG_SCHEMA) - 1 },
    .event_types = zoo_types,
    .event_types_len = 1,
    .needs = &zoo_needs,
    .regime = REGIME,
    .outputs = OUTPUTS,
    .process_budget_us = 50000,
};

static nvr_status_t zoo_det_needs(nvr_detector_t *d, nvr_needs_t *out, nvr_buf_t *err) {
    (void)d, (void)err;
    *out = zoo_needs;
    return NVR_OK;
}
static nvr_status_t zoo_start(nvr_detector_t *d, nvr_buf_t *err) {
    (void)d, (void)err;
    return NVR_OK;
}
static nvr_status_t zoo_process(nvr_detector_t *d, const nvr_input_t *input, nvr_buf_t *err) {
    (void)d, (void)err;
    SEEN(input);
    if (zoo_misbehaves) {
        AT_PROCESS(zoo_host, input);
    }
    return NVR_OK;
}
static void zoo_reset(nvr_detector_t *d) { (void)d; }
static void zoo_stop(nvr_detector_t *d) {
    (void)d;
    if (zoo_misbehaves) {
        AT_STOP(zoo_host);
    }
}
static void zoo_destroy(nvr_detector_t *d) {
    if (zoo_misbehaves) {
        AT_DESTROY(zoo_host);
    }
    free(d);
}
static const void *zoo_extension(nvr_detector_t *d, nvr_str_t id) {
    (void)d, (void)id;
    return NULL;
}

static nvr_status_t zoo_create(const nvr_host_t *host, nvr_str_t config, nvr_detector_t **out, nvr_buf_t *err) {
    (void)config, (void)err;
    zoo_host = host;
    AT_CREATE(host);
    nvr_detector_t *d = calloc(1, sizeof *d);
    if (!d) return NVR_ERR;
    d->needs = zoo_det_needs;
    d->start = zoo_start;
    d->process = zoo_process;
    d->reset = zoo_reset;
    d->stop = zoo_stop;
    d->destroy = zoo_destroy;
    d->get_extension = zoo_extension;
    *out = d;
    return NVR_OK;
}

static nvr_status_t zoo_init(nvr_buf_t *err) {
    (void)err;
    AT_INIT(0);
    return NVR_OK;
}
static void zoo_deinit(void) {}
static const nvr_descriptor_t *zoo_describe(void) { return &zoo_descriptor; }
static const nvr_detector_factory_t zoo_factory = { zoo_describe, zoo_create };
static const void *zoo_get_factory(nvr_str_t id) {
    return id.len == sizeof(NVR_FACTORY_DETECTOR) - 1 && !memcmp(id.ptr, NVR_FACTORY_DETECTOR, id.len) ? &zoo_factory
                                                                                                      : NULL;
}

#ifndef NO_ENTRY
const nvr_plugin_entry_t nvr_plugin_entry = { ABI_MAJOR, NVR_ABI_MINOR, zoo_init, zoo_deinit, zoo_get_factory };
#endif
