# Ce que « nvr plugins », « nvr models » et « nvr doctor » impriment.

level-ok = ok
level-warn = avis
level-fail = échec

step-library = bibliothèque
step-manifest = manifeste
step-hash = empreinte
step-signature = signature
step-load = chargement
step-sandbox = bac à sable
step-agreement = concordance
step-self-test = autotest
step-configuration = configuration
step-daemon = enregistreur
step-disk = disque
step-clock = horloge
step-kernel = noyau
step-files = fichiers ouverts
step-programs = programmes
step-decoders = décodeurs
step-models = modèles
step-plugins = greffon

layer-privileges = aucun nouveau privilège
layer-limits = limites de mémoire et de fichiers
layer-network = pas de réseau
layer-files = aucun fichier que les siens (landlock)
layer-calls = peu d'appels système (seccomp)
layer-holds = { $layer }
layer-partly = en partie seulement : { $layer } : { $why }
layer-missing = manque : { $layer } : { $why }
sandbox-remedy = L'enregistrement n'en souffre pas ; autorisez-le au service, ou prenez un noyau qui l'offre.
sandbox-untried = pas essayé : aucun greffon ne se charge ici

plugins-none = aucun greffon
plugins-why = { $name } : { $why }
plugin-ready = prêt
plugin-disabled = désactivé
plugin-incomplete = incomplet
plugin-refused = refusé
plugin-is-enabled = { $name } : de nouveau en service ; un enregistreur en marche le prend en quelques secondes
plugin-is-disabled = { $name } : hors service ; un enregistreur en marche le lâche en quelques secondes
plugin-was-enabled = { $name } : était déjà en service
plugin-was-disabled = { $name } : était déjà désactivé
signed-yes = signé
signed-no = non signé
signed-unchecked = signature non vérifiée
signed-wrong = signature fausse

plugins-agree = la bibliothèque est ce que dit son manifeste
plugins-tested = { $scenes } scènes, { $mean } µs chacune, au plus { $most } µs sur un budget de { $budget } µs, { $memory } Mio
plugins-verified = { $failed ->
        [0] l'enregistreur peut le prendre{ $warnings ->
            [0] .
            [one] , avec { $warnings } avertissement.
           *[other] , avec { $warnings } avertissements.
        }
       *[other] l'enregistreur le refuserait.
    }
plugins-hash-remedy = Le manifeste est celui d'une autre bibliothèque : copiez les deux de nouveau, ou refaites-le.
plugins-pack-remedy = Faites-le écrire d'après la bibliothèque par « nvr plugins pack ».
plugins-sign-remedy = Signez-le avec minisign ; sans signature il ne tourne que si la configuration le permet.
plugins-key-remedy = Nommez la clé avec --trusted-key.
plugins-load-remedy = Compilez-le avec le plugin-api de cette version.
plugins-test-remedy = La faute est au greffon ; son auteur peut l'essayer avec le banc d'essai.
plugins-budget-remedy = Un appel a duré plus que le greffon ne l'annonce ; sur une machine chargée, essayez encore.

info-plugin = greffon
info-version = version
info-situation = cherche
info-regime = régime
info-abi = contrat
info-events = peut dire
info-author = auteur
info-hash = sha256
info-state = état
info-library = bibliothèque
info-text = texte
info-need = demande
info-gate = seuil
info-warmup = s'échauffe
info-budget = budget par appel
info-took = a pris
info-sandbox = bac à sable
info-failed = échec
info-keys = Ses propres clés dans une règle :
info-no-keys = Il n'a pas de clé à lui dans une règle.
gate-px = { $px } pixels par mètre au bord lointain de la zone
gate-none = aucun
took = { $mean } µs en moyenne, au plus { $most } µs, sur { $scenes } scènes
need-tracks = pistes de { $labels } à partir du score { $score }
need-rate = { $fps } scènes par seconde, au moins { $least }
need-gray = images grises jusqu'à { $width }×{ $height }, { $fps } par seconde
need-rgb = images en couleur jusqu'à { $width }×{ $height }, { $fps } par seconde
need-history = les dernières { $seconds } s de nouveau après un démarrage
need-model = modèle { $model }, jusqu'à { $rate } par seconde
key-name = clé
key-kind = genre
key-default = défaut
key-about = sens

new-made = { $name } est dans { $folder }
new-rule = écrivez sa règle dans src/rule.rs, ses textes et besoins dans src/lib.rs
new-test = essayez : cargo test --manifest-path { $folder }/Cargo.toml
new-build = compilez : cargo build --release --manifest-path { $folder }/Cargo.toml
new-pack = rendez-le prêt à déposer : nvr plugins pack { $library } --out DOSSIER
new-pack-all = rendez-le prêt à déposer, dans target/plugins : appliance/pack-plugins

models-fetching = récupération des modèles dans { $folder }
models-id = modèle
models-kind = famille
models-there = état
models-input = entrée
models-cost = par image
models-licence = licence
models-present = présent
models-absent = absent
models-wrong = autre empreinte
models-used = utilisé
models-library-present = ONNX Runtime est là
models-library-absent = ONNX Runtime est absent ; récupérez-le par « nvr models fetch »
models-library-wrong = ONNX Runtime n'a pas l'empreinte fixée ; récupérez-le de nouveau par « nvr models fetch »
models-file-present = { $id } : { $file } est bon
models-file-absent = { $id } : absent
models-file-wrong = { $id } : { $file } n'a pas l'empreinte de son manifeste ; récupérez-le de nouveau
models-detector = détecteur : { $id }
models-no-detector = il n'y a pas de détecteur ; récupérez celui par défaut par « nvr models fetch »
models-import-taken = { $file } : repris comme { $id }
models-import-there = { $file } : { $id } est déjà là
models-import-unknown = { $file } : aucun modèle connu
models-import-none = aucun fichier de { $folder } n'est un modèle connu ; « nvr models list --json » donne les empreintes
models-unknown = aucun modèle ne s'appelle { $id } ; il y a : { $known }
models-none-there = aucun modèle dans { $folder } ; récupérez ceux par défaut par « nvr models fetch »
models-measuring = mesure de { $id } pendant { $seconds } s
models-bench = { $id } : { $median } ms par image, au mieux { $least } ms ({ $frames ->
        [one] { $frames } image
       *[other] { $frames } images
    }, un fil)

doctor-summary = { $failed ->
        [0] { $warnings ->
            [0] tout va bien
            [one] cela marche, avec { $warnings } avertissement
           *[other] cela marche, avec { $warnings } avertissements
        }
        [one] { $failed } contrôle en échec
       *[other] { $failed } contrôles en échec
    }
doctor-configuration = { $file } : { $cameras ->
        [one] { $cameras } caméra
       *[other] { $cameras } caméras
    }
doctor-check-remedy = « nvr check » dit tout.
daemon-runs = en marche, { $live } de { $cameras ->
        [one] { $cameras } caméra
       *[other] { $cameras } caméras
    } en direct
daemon-stopped = arrêté : personne ne répond sur { $socket }
daemon-remedy = Démarrez-le par « systemctl start nvr », ou « nvr serve ».
daemon-access-remedy = Lancez ceci sous le compte de l'enregistreur, ou en root.
daemon-cameras-remedy = « nvr status » dit pourquoi.
disk-fine = { $path } : { $free } % libres, écriture la plus lente { $ms } ms
disk-fails = { $path } : { $why }
disk-not-ours = { $path } : { $free } % libres ; ce compte ne peut pas y écrire, rien n'a été chronométré
disk-missing-remedy = Créez le dossier, ou montez le disque.
disk-write-remedy = Examinez le disque avec smartctl et le journal du noyau ; vérifiez qu'il n'est pas monté en lecture seule.
disk-not-ours-remedy = Lancez ceci sous le compte de l'enregistreur.
disk-slow-remedy = Le disque est lent ou occupé : une écriture est due toutes les 1,5 s. Cherchez qui d'autre écrit, ou sa santé.
disk-full-remedy = Sous { $keep } % le plus ancien part : il en reste moins que ce que dit la configuration.
clock-right = synchronisée
clock-free = non synchronisée : l'heure des images peut être fausse
clock-unknown = impossible de dire si elle est synchronisée : aucun service de temps ne répond
clock-remedy = Installez et démarrez systemd-timesyncd ou chrony.
kernel-both = Linux { $release } avec landlock et seccomp
kernel-seccomp = Linux { $release } avec seccomp
kernel-no-landlock = Linux { $release } sans landlock : les processus fils peuvent voir des fichiers
kernel-no-seccomp = Linux { $release } sans seccomp : les processus fils peuvent faire tout appel système
kernel-landlock-remedy = Démarrez le noyau avec landlock dans son paramètre lsm=.
kernel-seccomp-remedy = Prenez un noyau avec CONFIG_SECCOMP_FILTER.
files-limit = { $most } peuvent être ouverts, { $wanted } suffisent pour { $streams ->
        [one] { $streams } flux
       *[other] { $streams } flux
    }
files-remedy = Élevez LimitNOFILE du service à { $wanted } ou plus.
programs-missing = absents : { $names }
programs-remedy = Installez nvr en entier : ses programmes sont côte à côte.
decoders-there = GStreamer avec les { $count } greffons utilisés
decoders-missing = il manque à GStreamer { $names }
decoders-remedy = apt-get install { $packages }
doctor-models = ONNX Runtime, détecteur { $detector }, dans { $folder }
doctor-models-wrong = un fichier de { $folder } n'a pas l'empreinte de son manifeste ; le détecteur { $detector } est bon
doctor-models-load = ONNX Runtime dans { $folder } ne se charge pas : { $reason }
doctor-no-detector = aucun détecteur dans { $folder }
doctor-no-runtime = aucun ONNX Runtime utilisable dans { $folder }
models-remedy = « nvr models fetch » ; sans réseau « nvr models import DOSSIER ». L'enregistrement n'en a pas besoin.
plugins-empty = aucun dans { $path }
plugins-none-remedy = Déposez-en un, ou nommez son dossier avec --plugins ; l'enregistrement n'en a pas besoin.
plugins-left = { $count } autres n'ont pas été examinés
plugins-left-remedy = « nvr plugins verify NOM » en examine un.
