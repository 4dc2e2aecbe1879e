/*
 * line_touch.c: a complete detector in C. It says `line-crossed` when the middle of a track's lower edge has passed the
 * middle of the picture downwards, and ends it 3 s later. Real rules do more: see plugins/zone-entry.
 *
 *   cc -std=c11 -shared -fPIC -O2 -I include -o libline_touch.so line_touch.c
 *
 * It shows what every detector must do: read nothing past a length, keep no pointer, bound its own memory, free what it
 * made, and say only what its descriptor declares.
 */
#include "nvr_plugin.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STR(text) { text, sizeof(text) - 1 }
#define OBJECTS_MAX 64

/* A person, by bit 0 of the first word. */
static const nvr_needs_t NEEDS = {
    .labels = { { 1ull << NVR_LABEL_PERSON, 0 } },
    .min_score = 0.4f,
    .fps = 5.0f,
    .fps_min = 1.0f,
};

static const nvr_event_type_t EVENTS[] = { NVR_EVENT_LINE_CROSSED };

static const nvr_descriptor_t DESCRIPTOR = {
    .id = STR("line-touch"),
    .name = STR("Line touch"),
    .version = STR("0.1.0"),
    .situation = STR("line-touch"),
    .texts = STR("{\"en\":{\"name\":\"Line touch\",\"alert\":\"Line crossed\"},"
                 "\"fr\":{\"name\":\"Passage\",\"alert\":\"Ligne franchie\"}}"),
    .config_schema = STR("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}"),
    .event_types = EVENTS,
    .event_types_len = 1,
    .needs = &NEEDS,
    .regime = NVR_REGIME_PRIVATE_SITE,
    .outputs = NVR_OUTPUT_EVENTS,
    .warmup_s = 1.0f,
    .process_budget_us = 500,
};

/* One track that is watched. */
typedef struct object {
    uint64_t track;
    bool below;       /* the middle of the picture */
    uint64_t number;  /* of its open object; 0: none */
    nvr_event_t last; /* what was said at its beginning */
} object_t;

typedef struct line_touch {
    nvr_detector_t detector; /* first: the handle is the instance */
    const nvr_host_t *host;
    uint64_t numbers;
    object_t objects[OBJECTS_MAX];
    uint64_t objects_len;
} line_touch_t;

static void say(nvr_buf_t *err, const char *why) {
    uint64_t len = strlen(why);
    if (err == NULL || err->ptr == NULL) {
        return;
    }
    err->len = len < err->cap ? len : err->cap;
    memcpy(err->ptr, why, err->len);
}

static nvr_status_t needs(nvr_detector_t *detector, nvr_needs_t *out, nvr_buf_t *err) {
    (void)detector;
    (void)err;
    *out = NEEDS;
    return NVR_OK;
}

static nvr_status_t start(nvr_detector_t *detector, nvr_buf_t *err) {
    (void)detector;
    (void)err;
    return NVR_OK;
}

/* The watched object of a track; null when there is no room for another. */
static object_t *find(line_touch_t *self, const nvr_track_t *track, bool below) {
    for (uint64_t i = 0; i < self->objects_len; i++) {
        if (self->objects[i].track == track->id) {
            return &self->objects[i];
        }
    }
    if (self->objects_len == OBJECTS_MAX) {
        return NULL;
    }
    object_t *fresh = &self->objects[self->objects_len++];
    *fresh = (object_t){ .track = track->id, .below = below };
    return fresh;
}

static void begin(line_touch_t *self, object_t *object, const nvr_track_t *track, int64_t at_us) {
    static const char detail[] = "direction=forward";
    object->number = ++self->numbers;
    object->last = (nvr_event_t){
        .type = NVR_EVENT_LINE_CROSSED, .phase = NVR_PHASE_BEGIN, .object = object->number,
        .since_us = at_us, .start_us = at_us, .end_us = -1,
        .x = track->x, .y = track->y, .w = track->w, .h = track->h, .score = track->score,
        .measured = track->y + track->h, .threshold = 0.5f,
        .detail = { detail, sizeof(detail) - 1 },
    };
    self->host->emit(self->host->ctx, &object->last);
}

static void end(line_touch_t *self, object_t *object) {
    object->last.phase = NVR_PHASE_END;
    object->last.end_us = object->last.start_us;
    self->host->emit(self->host->ctx, &object->last);
    object->number = 0;
}

static nvr_status_t process(nvr_detector_t *detector, const nvr_input_t *input, nvr_buf_t *err) {
    line_touch_t *self = detector->self;
    if (input->tracks_len > NVR_TRACKS_MAX || input->ended_len > NVR_TRACKS_MAX) {
        say(err, "too many tracks");
        return NVR_ERR_LIMIT;
    }
    for (uint64_t i = 0; i < input->tracks_len; i++) {
        const nvr_track_t *track = &input->tracks[i];
        bool below = track->y + track->h > 0.5f;
        object_t *object = find(self, track, below);
        if (object == NULL || !(track->flags & NVR_TRACK_OBSERVED)) {
            continue;
        }
        if (below && !object->below && object->number == 0) {
            begin(self, object, track, input->at_us);
        }
        object->below = below;
    }
    for (uint64_t i = 0; i < self->objects_len;) {
        object_t *object = &self->objects[i];
        bool gone = false;
        if (object->number != 0 && input->at_us - object->last.start_us >= NVR_RELEASE_US) {
            end(self, object);
        }
        for (uint64_t j = 0; j < input->ended_len; j++) {
            gone = gone || input->ended[j] == object->track;
        }
        if (gone) {
            if (object->number != 0) {
                end(self, object);
            }
            *object = self->objects[--self->objects_len]; /* the last one takes its place */
        } else {
            i++;
        }
    }
    return NVR_OK;
}

static void reset(nvr_detector_t *detector) {
    line_touch_t *self = detector->self;
    self->objects_len = 0;
}

static void stop(nvr_detector_t *detector) {
    (void)detector;
}

static void destroy(nvr_detector_t *detector) {
    free(detector->self);
}

static const void *no_extension(nvr_detector_t *detector, nvr_str_t id) {
    (void)detector;
    (void)id;
    return NULL;
}

static const nvr_descriptor_t *descriptor(void) {
    return &DESCRIPTOR;
}

static nvr_status_t create(const nvr_host_t *host, nvr_str_t config, nvr_detector_t **out, nvr_buf_t *err) {
    (void)config; /* it has no keys of its own, and its line is fixed */
    line_touch_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        say(err, "no memory");
        return NVR_ERR;
    }
    self->host = host;
    self->detector = (nvr_detector_t){
        .self = self, .needs = needs, .start = start, .process = process,
        .reset = reset, .stop = stop, .destroy = destroy, .get_extension = no_extension,
    };
    *out = &self->detector;
    return NVR_OK;
}

static const nvr_detector_factory_t FACTORY = { .descriptor = descriptor, .create = create };

static nvr_status_t init(nvr_buf_t *err) {
    (void)err;
    return NVR_OK;
}

static void deinit(void) {
}

static const void *get_factory(nvr_str_t id) {
    bool ours = id.len == sizeof(NVR_FACTORY_DETECTOR) - 1 && memcmp(id.ptr, NVR_FACTORY_DETECTOR, id.len) == 0;
    return ours ? &FACTORY : NULL;
}

const nvr_plugin_entry_t nvr_plugin_entry = {
    .abi_major = NVR_ABI_MAJOR,
    .abi_minor = NVR_ABI_MINOR,
    .init = init,
    .deinit = deinit,
    .get_factory = get_factory,
};
