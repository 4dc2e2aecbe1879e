# Pourquoi des secondes manquent (GapReason) et ce que fait une caméra (CameraState).

gap-camera-down = caméra injoignable
gap-camera-stalled = caméra connectée mais muette
gap-credentials-refused = identifiants refusés ou connexions épuisées
gap-unsupported-codec = codec non pris en charge
gap-camera-broken = la caméra envoie ce qui ne peut être enregistré
gap-packet-loss = paquets perdus sur le réseau
gap-camera-clock-step = l'horloge de la caméra a sauté
gap-clock-step = l'horloge de l'enregistreur a été réglée
gap-disk-slow = disque trop lent
gap-disk-full = disque plein
gap-disk-error = erreur signalée par le disque
gap-recorder-stopped = enregistreur arrêté
gap-recorder-down = enregistreur interrompu
gap-stopped-by-policy = non enregistré, par configuration
gap-reconfigured = configuration modifiée
gap-footage-lost = images perdues après l'enregistrement
gap-expired = durée de conservation écoulée
gap-unexplained = non enregistré, cause inconnue

state-connecting = connexion en cours
state-live = enregistrement
state-stalled = muette
state-backoff = attente avant un nouvel essai
state-credentials-refused = identifiants refusés ou connexions épuisées
state-unsupported-codec = codec non pris en charge
state-stopped = non enregistrée, par configuration
