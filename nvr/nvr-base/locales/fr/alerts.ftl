# Alertes (AlertState, Verdict), comptages, et pourquoi une règle n'est pas surveillée (BlindReason).

alerts-none = aucune alerte
alert-state-raised = pas encore vue
alert-state-seen = vue
alert-state-taken = prise en charge
alert-state-decided = tranchée
alert-state-closed = close
alert-by = { $state } par { $who }
alert-confirmed = confirmée
alert-rejected = rejetée
alert-lasts = en cours
alert-interrupted = surveillance interrompue

counts-none = rien n'a été compté pendant cette période
counts-left-off = { $count ->
        [one] { $count } nombre n'est pas montré
       *[other] { $count } nombres ne sont pas montrés
    } : demandez une période plus courte, ou --by hour

blind-none = toutes les règles ont été surveillées pendant cette période
blind-starting = démarrage
blind-off-schedule = hors de son horaire
blind-off-preset = la caméra regarde ailleurs
blind-below-gate = trop peu de pixels par mètre
blind-too-dark = trop sombre
blind-rate-below-need = trop peu d'images par seconde
blind-plugin-down = son greffon ne tourne pas
blind-analysis-down = l'analyse ne tourne pas
blind-camera-down = pas d'image de la caméra
blind-not-authorised = aucune autorisation en vigueur
blind-refused = son greffon refuse la règle telle qu'elle est écrite
