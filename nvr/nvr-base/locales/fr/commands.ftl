# Ce que les commandes impriment.

severity-error = erreur
severity-warning = avertissement
remedy = remède : { $remedy }

check-summary = { $cameras ->
        [one] { $cameras } caméra
       *[other] { $cameras } caméras
    }, { $errors ->
        [one] { $errors } erreur
       *[other] { $errors } erreurs
    }, { $warnings ->
        [one] { $warnings } avertissement
       *[other] { $warnings } avertissements
    }
check-no-configuration = rien ne peut démarrer : { $errors ->
        [one] corrigez l'erreur ci-dessus
       *[other] corrigez les { $errors } erreurs ci-dessus
    }
check-socket = socket { $path }
check-socket-default = socket { $path } (par défaut, auprès des images)
check-storage = stockage { $path }
check-keep = images conservées { $days } jours, flux secondaires { $sub_days } jours
check-stream = { $stream } : { $address }, conservé { $days } jours
check-stream-audio = { $stream } : { $address }, conservé { $days } jours, avec le son ({ $basis })
check-stopped = { $camera } : non enregistrée
probe-failed = { $stream } : pas de réponse : { $why }
probe-sends = { $stream } : envoie { $codec } { $width }×{ $height }
probe-audio-discarded = { $stream } : envoie { $codec } { $width }×{ $height } et du son ({ $audio }) ; le son est jeté
probe-audio-stored = { $stream } : envoie { $codec } { $width }×{ $height } et du son ({ $audio }) ; le son est enregistré
probe-not-possible = { $stream } : un périphérique n'est pas interrogé
