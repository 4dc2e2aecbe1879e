/*
 * nvr_plugin.h: the contract between nvr and a detector, ABI 0.1.
 *
 * A detector is a shared library that exports ONE symbol, `nvr_plugin_entry`. It is loaded into a sandboxed process of
 * its own (no files, no sockets, no children, bounded memory), is given what perception saw of one camera, and says
 * events. It owns no decoder, no model session, no file and no socket; it cannot name a person: nothing here can hold an
 * identity, an embedding or a point of a face, and nothing like it will be added.
 *
 * PROMISES OF BOTH SIDES
 *
 *  - Versions come first. The host reads `abi_major` and `abi_minor` before it calls anything. While `abi_major` is 0,
 *    the host takes exactly the minors it names; from 1.0 on any minor up to its own.
 *  - The structs below are frozen within a major version: they have no size field and never grow. What comes later
 *    comes as an extension, asked for by an id "name/REV" ("name.draft/REV" while it may still change).
 *  - Memory belongs to whoever made it. NO POINTER SURVIVES THE CALL it was given to, in either direction, but:
 *    what `get_factory`, `descriptor` and `get_extension` return lives until `deinit`, the `nvr_host_t` until `destroy`
 *    returns, and what `needs` points to until the next call into that instance. Whoever needs more copies.
 *  - Strings are pointer + length, UTF-8, NOT NUL-terminated. A length of 0 allows a null pointer. So do arrays.
 *  - Enumerations travel as int32_t. A value unknown to the receiver is an error, never a guess.
 *  - Calls into one instance are serial, from one thread. Instances of one library live in one process, one per rule.
 *    The functions of the host may be called only while the plugin is inside `start`, `process`, `reset` or `stop` of
 *    that instance, on the same thread.
 *  - Nothing is thrown across this boundary: a C++ exception or a Rust panic must end the process. The host lives.
 *  - `process` has the budget its descriptor declares: an overrun is a counted miss, a hang is the end of the process.
 *
 * LIFE OF AN INSTANCE
 *
 *   init → get_factory("nvr.detector/1") → descriptor → create → needs → start → process … process
 *                                                          (reset between two, any time) → stop → destroy → deinit
 *
 * UNITS  times: microseconds, int64_t. `at_us`: media time of the camera, since the first frame shown. `wall_us`: UTC
 * since 1970. Geometry: normalised to the picture, 0..1, origin top left; a box is its top-left corner, width, height.
 * Velocities: pictures (widths, heights) per second. Scores: 0..1.
 */
#ifndef NVR_PLUGIN_H
#define NVR_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NVR_ABI_MAJOR 0u
#define NVR_ABI_MINOR 1u

/* The factory of detectors. */
#define NVR_FACTORY_DETECTOR "nvr.detector/1"

/* Limits. What is longer is refused, and counted. */
#define NVR_ERR_BYTES_MAX 512u      /* an error text */
#define NVR_DETAIL_BYTES_MAX 256u   /* the detail of an event */
#define NVR_LOG_BYTES_MAX 512u      /* a log line */
#define NVR_EVENTS_PER_CALL_MAX 64u /* events in one call, samples as many again */
#define NVR_TRACKS_MAX 512u         /* tracks in one input, ended ones as many again */
#define NVR_INFERENCES_MAX 64u      /* inference results in one input */
#define NVR_MODELS_MAX 8u           /* inference needs of one instance */
#define NVR_EVENT_TYPES_MAX 16u     /* event types of one descriptor */
#define NVR_SCHEMA_BYTES_MAX 32768u /* config_schema and texts of a descriptor, each */
#define NVR_CONFIG_BYTES_MAX 65536u /* the configuration given to create */

/* A borrowed UTF-8 text. */
typedef struct nvr_str {
    const char *ptr;
    uint64_t len;
} nvr_str_t;

/* A buffer of the caller's for an error text: write at most `cap` bytes to `ptr`, then set `len`. */
typedef struct nvr_buf {
    char *ptr;
    uint64_t cap;
    uint64_t len;
} nvr_buf_t;

/* What a call answers. */
typedef int32_t nvr_status_t;
enum {
    NVR_OK = 0,
    NVR_ERR = 1,         /* failed; the buffer, where there is one, says why */
    NVR_ERR_LIMIT = 2,   /* over a limit above, or over the declared rate */
    NVR_ERR_CLOSED = 3,  /* not on a closed list, or not declared in the descriptor */
    NVR_ERR_INVALID = 4, /* not a number, outside 0..1, end before start, unknown object, no UTF-8 */
    NVR_ERR_STATE = 5    /* not allowed at this moment of the life of an instance */
};

/* ---- Closed lists. What is not on them does not load. --------------------------------------------------------- */

/* Labels: the 80 of COCO, in their order. */
typedef uint16_t nvr_label_t;
enum {
    NVR_LABEL_PERSON = 0, NVR_LABEL_BICYCLE = 1, NVR_LABEL_CAR = 2, NVR_LABEL_MOTORCYCLE = 3,
    NVR_LABEL_AIRPLANE = 4, NVR_LABEL_BUS = 5, NVR_LABEL_TRAIN = 6, NVR_LABEL_TRUCK = 7,
    NVR_LABEL_BOAT = 8, NVR_LABEL_TRAFFIC_LIGHT = 9, NVR_LABEL_FIRE_HYDRANT = 10, NVR_LABEL_STOP_SIGN = 11,
    NVR_LABEL_PARKING_METER = 12, NVR_LABEL_BENCH = 13, NVR_LABEL_BIRD = 14, NVR_LABEL_CAT = 15,
    NVR_LABEL_DOG = 16, NVR_LABEL_HORSE = 17, NVR_LABEL_SHEEP = 18, NVR_LABEL_COW = 19,
    NVR_LABEL_ELEPHANT = 20, NVR_LABEL_BEAR = 21, NVR_LABEL_ZEBRA = 22, NVR_LABEL_GIRAFFE = 23,
    NVR_LABEL_BACKPACK = 24, NVR_LABEL_UMBRELLA = 25, NVR_LABEL_HANDBAG = 26, NVR_LABEL_TIE = 27,
    NVR_LABEL_SUITCASE = 28, NVR_LABEL_FRISBEE = 29, NVR_LABEL_SKIS = 30, NVR_LABEL_SNOWBOARD = 31,
    NVR_LABEL_SPORTS_BALL = 32, NVR_LABEL_KITE = 33, NVR_LABEL_BASEBALL_BAT = 34, NVR_LABEL_BASEBALL_GLOVE = 35,
    NVR_LABEL_SKATEBOARD = 36, NVR_LABEL_SURFBOARD = 37, NVR_LABEL_TENNIS_RACKET = 38, NVR_LABEL_BOTTLE = 39,
    NVR_LABEL_WINE_GLASS = 40, NVR_LABEL_CUP = 41, NVR_LABEL_FORK = 42, NVR_LABEL_KNIFE = 43,
    NVR_LABEL_SPOON = 44, NVR_LABEL_BOWL = 45, NVR_LABEL_BANANA = 46, NVR_LABEL_APPLE = 47,
    NVR_LABEL_SANDWICH = 48, NVR_LABEL_ORANGE = 49, NVR_LABEL_BROCCOLI = 50, NVR_LABEL_CARROT = 51,
    NVR_LABEL_HOT_DOG = 52, NVR_LABEL_PIZZA = 53, NVR_LABEL_DONUT = 54, NVR_LABEL_CAKE = 55,
    NVR_LABEL_CHAIR = 56, NVR_LABEL_COUCH = 57, NVR_LABEL_POTTED_PLANT = 58, NVR_LABEL_BED = 59,
    NVR_LABEL_DINING_TABLE = 60, NVR_LABEL_TOILET = 61, NVR_LABEL_TV = 62, NVR_LABEL_LAPTOP = 63,
    NVR_LABEL_MOUSE = 64, NVR_LABEL_REMOTE = 65, NVR_LABEL_KEYBOARD = 66, NVR_LABEL_CELL_PHONE = 67,
    NVR_LABEL_MICROWAVE = 68, NVR_LABEL_OVEN = 69, NVR_LABEL_TOASTER = 70, NVR_LABEL_SINK = 71,
    NVR_LABEL_REFRIGERATOR = 72, NVR_LABEL_BOOK = 73, NVR_LABEL_CLOCK = 74, NVR_LABEL_VASE = 75,
    NVR_LABEL_SCISSORS = 76, NVR_LABEL_TEDDY_BEAR = 77, NVR_LABEL_HAIR_DRIER = 78, NVR_LABEL_TOOTHBRUSH = 79
};

/* Classes, as a rule names them: a label's number, or one of these groups. (`person` and `bicycle` are the labels.) */
typedef int32_t nvr_class_t;
enum {
    NVR_CLASS_VEHICLE = 256, /* car, motorcycle, bus, truck */
    NVR_CLASS_BAG = 257,     /* backpack, handbag, suitcase */
    NVR_CLASS_ANIMAL = 258   /* bird … giraffe */
};

/* A set of labels: bit `label % 64` of word `label / 64`. Bits past the last label must be 0. */
typedef struct nvr_labels {
    uint64_t bits[2];
} nvr_labels_t;

/* Event types. */
typedef int32_t nvr_event_type_t;
enum {
    NVR_EVENT_ABANDONED_OBJECT = 1,
    NVR_EVENT_WEAPON = 2,
    NVR_EVENT_WRONG_WAY = 3,
    NVR_EVENT_ZONE_ENTRY = 4,
    NVR_EVENT_LINE_CROSSED = 5,
    NVR_EVENT_PERSON_DOWN = 6,
    NVR_EVENT_CROWD_MOVEMENT = 7,
    NVR_EVENT_CROWD_DENSITY = 8,
    NVR_EVENT_FIRE = 9,
    NVR_EVENT_SMOKE = 10,
    NVR_EVENT_FIRST_COUNT = 11,       /* a statistics plugin counted for the first time: it works */
    NVR_EVENT_CAMERA_COVERED = 12,
    NVR_EVENT_CAMERA_TURNED = 13,
    NVR_EVENT_CAMERA_DEFOCUSED = 14,
    NVR_EVENT_CAMERA_FROZEN = 15,
    NVR_EVENT_BAG_CARRIED = 16,
    NVR_EVENT_REDUCED_MOBILITY = 17,
    NVR_EVENT_DISTANCING = 18,
    NVR_EVENT_LOITERING = 19
};

/* Series a plugin may count into. */
typedef int32_t nvr_series_t;
enum {
    NVR_SERIES_CROSSINGS = 1, /* n more crossed the line: added up by class and direction */
    NVR_SERIES_OCCUPANCY = 2  /* n are there now: the last value holds; direction NVR_DIRECTION_NONE */
};

/* Directions over a line. Forward: from the left to the right of someone walking from its first to its second point. */
typedef int32_t nvr_direction_t;
enum { NVR_DIRECTION_NONE = 0, NVR_DIRECTION_FORWARD = 1, NVR_DIRECTION_BACKWARD = 2 };

/* What a plugin says at all: bits of `outputs`. */
enum { NVR_OUTPUT_EVENTS = 1, NVR_OUTPUT_SAMPLES = 2 };

/* Under which law it works. */
typedef int32_t nvr_regime_t;
enum {
    NVR_REGIME_EVENT_EIGHT = 1, /* one of the eight situations of decree 2023-828 */
    NVR_REGIME_STATISTICS = 2,  /* counts, raises no alert */
    NVR_REGIME_PRIVATE_SITE = 3 /* places that the public does not enter */
};

/* What an inference result is made of. */
typedef int32_t nvr_result_kind_t;
enum {
    NVR_RESULT_BOXES = 1,     /* dims {n, 6}: x, y, w, h (of the picture), score, label */
    NVR_RESULT_KEYPOINTS = 2, /* dims {n, 12, 3}: x, y (of the picture), score; left, right of: shoulder, elbow, wrist,
                                 hip, knee, ankle. The points of the face are thrown away before they get here. */
    NVR_RESULT_GRID = 3,      /* dims {rows, columns, channels} over the region */
    NVR_RESULT_TENSOR = 4     /* as the model's manifest says */
};

/* Formats of frames. */
typedef int32_t nvr_format_t;
enum {
    NVR_FORMAT_NONE = 0,
    NVR_FORMAT_GRAY8 = 1, /* 1 byte a pixel, luma, full range */
    NVR_FORMAT_RGB8 = 2   /* 3 bytes a pixel: R, G, B */
};

/* ---- What a detector needs ------------------------------------------------------------------------------------ */

typedef int32_t nvr_region_t;
enum {
    NVR_REGION_FRAME = 1, /* the model sees the whole picture */
    NVR_REGION_CROPS = 2, /* it sees the boxes of the tracks of these labels and scores */
    NVR_REGION_ASKED = 3  /* it sees the boxes of the tracks named by `ask`, within `per_s_max` */
};

/* Inference is declared, not called: results arrive in `process`. */
typedef struct nvr_inference_need {
    nvr_str_t model;     /* id of a model manifest */
    nvr_region_t region;
    float min_score;     /* CROPS: of the track */
    nvr_labels_t labels; /* CROPS: of the track. FRAME: the model looks only where a track of these is or was within 10 s,
                          * and while it finds something itself within 5 minutes after; empty: always */
    float per_s_max;     /* FRAME: runs a second; CROPS, ASKED: crops a second; > 0 */
    uint32_t reserved;   /* 0 */
} nvr_inference_need_t;

/* A frame in a format and size. The size is the largest: the host keeps the aspect and never enlarges. */
typedef struct nvr_frame_need {
    nvr_format_t format; /* NONE: no such frames */
    uint32_t width;
    uint32_t height;
    float fps_max;
} nvr_frame_need_t;

typedef struct nvr_needs {
    nvr_labels_t labels;    /* of the tracks; empty: no tracks, no detection */
    float min_score;        /* of the detections that may start a track */
    float fps;              /* inputs a second it works best with */
    float fps_min;          /* with fewer the rule is blind, and the journal says so */
    float history_s;        /* after `start` the last seconds of scenes are fed again, NVR_INPUT_HISTORY set */
    nvr_frame_need_t gray;
    nvr_frame_need_t rgb;
    const nvr_inference_need_t *inference;
    uint64_t inference_len;
} nvr_needs_t;

/* ---- What a detector is given --------------------------------------------------------------------------------- */

enum {
    NVR_TRACK_OBSERVED = 1,  /* matched by a detection in this frame; else its box is predicted */
    NVR_TRACK_CONFIRMED = 2  /* seen often enough to be believed */
};

/* One tracked thing. Ids are of this camera and this run, never reused, and mean nothing elsewhere. */
typedef struct nvr_track {
    uint64_t id;
    int64_t first_seen_us;
    int64_t last_seen_us;
    float x, y, w, h;
    float vx, vy;
    float score;
    nvr_label_t label;
    uint16_t flags; /* NVR_TRACK_… */
} nvr_track_t;

/* A picture. Row r starts at data + r * stride; width and height in pixels. Read only: writing ends the process. */
typedef struct nvr_frame {
    const uint8_t *data;
    uint64_t len; /* bytes, at least stride * height */
    uint32_t width;
    uint32_t height;
    uint32_t stride; /* bytes */
    nvr_format_t format;
} nvr_frame_t;

typedef struct nvr_inference {
    nvr_str_t model;
    uint64_t track_id; /* 0: the whole picture */
    int64_t at_us;     /* of the frame it ran on, which may be an earlier one */
    nvr_result_kind_t kind;
    uint32_t rank;     /* how many of dims count, 1..4 */
    uint32_t dims[4];  /* the others are 1 */
    float x, y, w, h;  /* the region it saw */
    const float *data; /* row major */
    uint64_t len;      /* floats, the product of dims */
} nvr_inference_t;

enum {
    NVR_INPUT_HISTORY = 1, /* seen before: learn from it; what is emitted is dropped */
    NVR_INPUT_GAP = 2      /* inputs were missed since the last one: the camera was away, or the host too busy */
};

/* What perception says of one frame. Ascending `at_us` within an instance, until `reset`. */
typedef struct nvr_input {
    int64_t at_us;
    int64_t wall_us;
    uint64_t sequence;    /* of the frame; a jump without NVR_INPUT_GAP is a frame that was not analysed */
    uint32_t picture_w;   /* pixels of the camera's picture: the aspect of the normalised coordinates */
    uint32_t picture_h;
    uint32_t flags;       /* NVR_INPUT_… */
    float motion;         /* share of the picture that moved, 0..1 */
    const nvr_track_t *tracks; /* ascending ids; only the labels needed */
    uint64_t tracks_len;
    const uint64_t *ended; /* ids that were given before and will not be again */
    uint64_t ended_len;
    const nvr_frame_t *gray; /* null when none is due */
    const nvr_frame_t *rgb;
    const nvr_inference_t *inference;
    uint64_t inference_len;
} nvr_input_t;

/* ---- What a detector says ------------------------------------------------------------------------------------- */

/*
 * One object is one situation is one alert. The plugin chooses the number of an object, unique in its instance, and says
 * BEGIN when the condition has held for its dwell, UPDATE while it lasts (optional, at most one a second and object is
 * kept), END when it has been false for 3 s (NVR_RELEASE_US). `reset` and `stop` end what is open; the host does so too.
 */
#define NVR_RELEASE_US 3000000

typedef int32_t nvr_phase_t;
enum { NVR_PHASE_BEGIN = 1, NVR_PHASE_UPDATE = 2, NVR_PHASE_END = 3 };

typedef struct nvr_event {
    nvr_event_type_t type; /* one the descriptor declares; the same in all phases of an object */
    nvr_phase_t phase;
    uint64_t object;
    int64_t since_us; /* media time at which the condition became true */
    int64_t start_us; /* media time at which the alert is raised, dwell included: `at_us` of the BEGIN's input */
    int64_t end_us;   /* media time at which it was last true; -1 in BEGIN and UPDATE */
    float x, y, w, h; /* where; the whole picture is 0, 0, 1, 1 */
    float score;      /* how sure */
    float measured;   /* what was measured (seconds, persons, metres: the event type says which) */
    float threshold;  /* … and what it was compared with */
    uint32_t reserved; /* 0 */
    nvr_str_t detail; /* `key=value key=value`, at most NVR_DETAIL_BYTES_MAX; numbers and labels, never of a person */
} nvr_event_t;

typedef struct nvr_sample {
    nvr_series_t series;
    nvr_class_t cls;
    nvr_direction_t direction;
    uint32_t n;
    int64_t at_us;
} nvr_sample_t;

/* Log levels. */
enum { NVR_LOG_ERROR = 1, NVR_LOG_WARN = 2, NVR_LOG_INFO = 3, NVR_LOG_DEBUG = 4 };

/* The host, as one instance sees it. Give `ctx` back as the first argument of every call. */
typedef struct nvr_host {
    void *ctx;
    nvr_status_t (*emit)(void *ctx, const nvr_event_t *event);
    nvr_status_t (*emit_sample)(void *ctx, const nvr_sample_t *sample);
    /* Asks for crops of these tracks on the next frame; `model` is one declared with NVR_REGION_ASKED. */
    nvr_status_t (*ask)(void *ctx, const uint64_t *track_ids, uint64_t len, nvr_str_t model);
    void (*log)(void *ctx, int32_t level, nvr_str_t text);
    /* A table of functions under "name/REV", or null. */
    const void *(*get_extension)(void *ctx, nvr_str_t id);
} nvr_host_t;

/* ---- The detector --------------------------------------------------------------------------------------------- */

/* One instance: one rule on one camera. The plugin allocates it; `self` is the plugin's. No function is null. */
typedef struct nvr_detector nvr_detector_t;
struct nvr_detector {
    void *self;
    /* Fills `out`. Does not change while the instance lives. */
    nvr_status_t (*needs)(nvr_detector_t *detector, nvr_needs_t *out, nvr_buf_t *err);
    nvr_status_t (*start)(nvr_detector_t *detector, nvr_buf_t *err);
    /* An error here counts as a miss and is logged; many in a row are a crash. */
    nvr_status_t (*process)(nvr_detector_t *detector, const nvr_input_t *input, nvr_buf_t *err);
    /* Forget everything seen: ids, times and learnt pictures. Times start again. */
    void (*reset)(nvr_detector_t *detector);
    void (*stop)(nvr_detector_t *detector);
    void (*destroy)(nvr_detector_t *detector);
    /* A table of functions under "name/REV", or null. */
    const void *(*get_extension)(nvr_detector_t *detector, nvr_str_t id);
};

/* What the plugin is; checked against its manifest. */
typedef struct nvr_descriptor {
    nvr_str_t id;        /* the `situation` of a rule: a-z, 0-9, '-' */
    nvr_str_t name;      /* for people, English; other languages in `texts` */
    nvr_str_t version;   /* "1.2.3" */
    nvr_str_t situation; /* the situation it looks for, by the name of the rules */
    nvr_str_t texts;     /* JSON: {"en":{"name":…,"alert":…},"fr":{…}} */
    nvr_str_t config_schema; /* JSON Schema of the keys of its own in a rule; keys beside the common ones are errors */
    const nvr_event_type_t *event_types;
    uint64_t event_types_len;
    const nvr_needs_t *needs; /* template: what it needs with a rule that says nothing more; for planning */
    nvr_regime_t regime;
    uint32_t outputs;            /* NVR_OUTPUT_… */
    float warmup_s;              /* a new generation runs silent beside the old one for so long */
    float min_px_per_m;          /* calibration gate a rule without its own has; 0: none */
    uint32_t process_budget_us;  /* of one call of `process`, 99 of 100 */
    uint32_t reserved;           /* 0 */
} nvr_descriptor_t;

/* get_factory(NVR_FACTORY_DETECTOR) */
typedef struct nvr_detector_factory {
    const nvr_descriptor_t *(*descriptor)(void);
    /*
     * `config` is one JSON object: the rule as configured, common keys (zone, line, direction, dwell_s, classes, …) and
     * those of `config_schema`; absent keys are absent. For a camera with a ground calibration also
     * "ground": 9 numbers, the row-major homography from the normalised picture to metres on the ground. A point whose
     * third homogeneous coordinate is not above 0.001 is on or above the horizon and has no metres.
     * On NVR_OK `*out` is the instance. `host` lives until its `destroy` has returned.
     */
    nvr_status_t (*create)(const nvr_host_t *host, nvr_str_t config, nvr_detector_t **out, nvr_buf_t *err);
} nvr_detector_factory_t;

/* ---- The one exported symbol ---------------------------------------------------------------------------------- */

typedef struct nvr_plugin_entry {
    uint32_t abi_major; /* NVR_ABI_MAJOR, read before any call */
    uint32_t abi_minor; /* NVR_ABI_MINOR */
    nvr_status_t (*init)(nvr_buf_t *err); /* once, before anything else */
    void (*deinit)(void);                 /* once, after the last instance */
    const void *(*get_factory)(nvr_str_t id); /* null for an id it does not know */
} nvr_plugin_entry_t;

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const nvr_plugin_entry_t nvr_plugin_entry;

#ifdef __cplusplus
}
#endif

#endif /* NVR_PLUGIN_H */
