//! Camera sessions: RTSP and V4L2 in, samples and gaps out.
