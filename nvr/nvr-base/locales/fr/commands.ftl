# Ce que les commandes impriment.

severity-error = erreur
severity-warning = avertissement
remedy = remède : { $remedy }

check-px-per-m = { $rule } : { $px } pixels par mètre à son bord lointain
check-px-unknown = { $rule } : ses pixels par mètre dépendent de la taille de l'image : nvr check --probe interroge la caméra
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
probe-audio-discarded = { $stream } : envoie { $codec } { $width }×{ $height } et du son ; le son est jeté
probe-audio-stored = { $stream } : envoie { $codec } { $width }×{ $height } et du son ; le son est enregistré
probe-not-possible = { $stream } : un périphérique n'est pas interrogé
probe-late = pas d'image en { $seconds } s ; vérifiez que la caméra est allumée et que son adresse est juste

status-stopped = l'enregistreur ne tourne pas ; voici ce que dit son stockage
status-camera = caméra
status-columns = flux  état              i/s    kbit/s   dernier  trous
status-disk = disque { $path } : { $free } % libres, écriture la plus lente { $flush } ms, { $dropped } perdus, { $errors ->
        [one] { $errors } erreur
       *[other] { $errors } erreurs
    }
status-analysis = l'analyse ne tourne pas : { $why }
status-rule = règle { $rule }, caméra { $camera } : { $state } ; { $events ->
        [one] { $events } évènement
       *[other] { $events } évènements
    }, { $open } en cours
status-watched = surveillée
status-blind = non surveillée : { $why }
status-plugin = greffon { $plugin } { $version } : { $phase }, génération { $generation } ; { $events ->
        [one] { $events } évènement
       *[other] { $events } évènements
    }, { $missed } { $missed ->
        [one] image manquée
       *[other] images manquées
    }
status-plugin-away = greffon { $plugin } { $version } : ne tourne pas
status-phase-self-test = à l'essai
status-phase-warming = en préparation
status-phase-live = en service
status-phase-draining = s'arrête
status-quarantine = en quarantaine, { $hash } : { $why }
status-reload-refused = la configuration modifiée n'a pas été reprise : { $why }

timeline-open = maintenant
timeline-recorded = enregistré
timeline-gap = manque : { $reason }
timeline-empty = rien n'est enregistré de { $camera } sur cette période
export-file = { $file } : { $frames ->
        [one] { $frames } image
       *[other] { $frames } images
    } du { $from } au { $to }
picture-file = { $file } : flux { $stream }, prise le { $at }
picture-earlier = l'image est de { $seconds ->
        [one] { $seconds } seconde
       *[other] { $seconds } secondes
    } plus ancienne que l'instant demandé : rien entre les deux ne se montre seul, ou rien n'a été enregistré
picture-later = rien n'est enregistré jusqu'à l'instant demandé : l'image est la première d'après, { $seconds ->
        [one] { $seconds } seconde
       *[other] { $seconds } secondes
    } plus tard
picture-sandbox = le décodeur tourne sans une couche de son bac à sable : { $layer }
verify-summary = { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    }, { $fragments ->
        [one] { $fragments } fragment
       *[other] { $fragments } fragments
    }, { $megabytes } Mo : { $torn } interrompus, { $bad } abîmés, { $unindexed } non indexés
rebuild-summary = index refait à partir de { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    }, { $megabytes } Mo ; { $unreadable } illisibles
annotate-alert = { $rule } : { $situation }, mesuré { $measured }, seuil { $threshold }
bench-cpu-ms-per-camera-s = { $value } ms de processeur par caméra et seconde
bench-rss-mb-per-camera = { $value } Mo de mémoire par caméra
bench-threads = { $value } fils d'exécution
bench-written-over-payload = { $value } octet écrit en plus de chaque octet d'image
bench-figure = { $name } : { $value }
bench-gaps = { $value } trous
