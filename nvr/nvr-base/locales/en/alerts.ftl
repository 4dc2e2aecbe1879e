# Alerts (AlertState, Verdict), counts, and why rules are not watched (BlindReason).

alerts-none = no alert
alert-state-raised = nobody has looked
alert-state-seen = seen
alert-state-taken = taken
alert-state-decided = decided
alert-state-closed = closed
alert-by = { $state } by { $who }
alert-confirmed = confirmed
alert-rejected = rejected
alert-lasts = lasts
alert-interrupted = watching was interrupted

counts-none = nothing was counted in this period
counts-left-off = { $count ->
        [one] { $count } number is
       *[other] { $count } numbers are
    } left off: ask for a shorter period, or --by hour

blind-none = every rule was watched in this period
blind-starting = starting
blind-off-schedule = outside its schedule
blind-off-preset = the camera looks elsewhere
blind-below-gate = too few pixels a metre
blind-too-dark = too dark
blind-rate-below-need = too few pictures a second
blind-plugin-down = its plugin does not run
blind-analysis-down = the analysis does not run
blind-camera-down = no picture of the camera
blind-not-authorised = no authorisation in force
blind-refused = its plugin refuses the rule as it is written
