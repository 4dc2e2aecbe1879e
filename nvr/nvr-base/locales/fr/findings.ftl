# Ce qui peut être faux dans une configuration, et le remède. Un message par FindingId, chacun avec `.remedy`.

## Le fichier entier

finding-file-too-big = le fichier fait { $bytes } octets, { $max } au plus sont lus
    .remedy = Vérifiez que c'est bien la configuration de nvr ; elle fait d'ordinaire quelques kilo-octets.
finding-file-unreadable = { $path } ne peut pas être lu : { $why }
    .remedy = Indiquez le fichier par --config ou NVR_CONFIG, et donnez à ce compte le droit de le lire.
finding-file-not-utf8 = l'octet { $byte } n'est pas du texte UTF-8
    .remedy = Enregistrez le fichier en UTF-8.
finding-syntax = ce n'est pas du TOML : { $detail }
    .remedy = Les textes sont entre guillemets droits, les listes entre crochets, et une clé ne figure qu'une fois dans sa section.
finding-too-many-findings = { $count ->
        [one] { $count } autre constat n'est pas montré
       *[other] { $count } autres constats ne sont pas montrés
    }
    .remedy = Corrigez d'abord ceux qui précèdent.

## Clés et valeurs

finding-unknown-key = la clé « { $name } » n'existe pas ici
    .remedy = { $suggestion ->
        [none] Retirez-la. Sont possibles ici : { $known }.
       *[other] Vouliez-vous dire « { $suggestion } » ?
    }
finding-later-section = la section « { $name } » n'existe pas encore dans cette version
    .remedy = Retirez-la jusqu'à la version qui l'apporte.
finding-missing-key = la clé « { $name } » manque
    .remedy = { $name ->
        [id] Donnez à la caméra un identifiant court, par exemple id = "portail".
        [situation] Indiquez ce que la règle cherche, par exemple situation = "zone-entry".
        [camera] Indiquez la caméra de la règle, par exemple camera = "gate".
        [url] Indiquez où est la caméra, par exemple url = "rtsp://utilisateur@hôte/flux" ou "v4l2:/dev/v4l/by-path/…".
        [path] Indiquez où vont les images, par exemple path = "/var/lib/nvr" dans [storage].
       *[other] Ajoutez-la.
    }
finding-wrong-type = « { $key } » est { $found ->
        [text] un texte
        [integer] un nombre entier
        [number] un nombre à virgule
        [boolean] true ou false
        [date] une date
        [list] une liste
       *[table] une section
    } et doit être { $expected ->
        [text] un texte
        [integer] un nombre entier
        [number] un nombre
        [boolean] true ou false
        [list] une liste
        [size] une taille
       *[table] une section
    }
    .remedy = { $expected ->
        [text] Mettez la valeur entre guillemets droits.
        [integer] Écrivez le nombre sans guillemets et sans décimales.
        [number] Écrivez le nombre sans guillemets.
        [boolean] Écrivez true ou false, sans guillemets.
        [list] Mettez la valeur entre crochets.
        [size] Écrivez un nombre et son unité, par exemple "500 GB".
       *[table] { $key ->
            [camera] Chaque caméra commence par une ligne [[camera]].
           *[other] Écrivez une section [{ $key }], ses clés en dessous.
        }
    }
finding-out-of-range = « { $key } » vaut { $value } et doit être entre { $min } et { $max }
    .remedy = Choisissez un nombre entre { $min } et { $max }.
finding-empty-text = « { $key } » est vide
    .remedy = Remplissez la valeur ou retirez la clé.
finding-text-too-long = « { $key } » fait { $length } caractères, { $max } au plus sont admis
    .remedy = Raccourcissez le texte.
finding-not-a-choice = « { $key } » ne connaît pas « { $value } »
    .remedy = { $suggestion ->
        [none] Choisissez parmi : { $choices }.
       *[other] Vouliez-vous dire « { $suggestion } » ? Sont possibles : { $choices }.
    }
finding-bad-size = « { $value } » n'est pas une taille
    .remedy = Écrivez un nombre supérieur à 0 avec kB, MB, GB, TB, KiB, MiB, GiB ou TiB, par exemple "500 GB".
finding-exclusive-keys = « { $one } » et « { $other } » s'excluent
    .remedy = Gardez l'une des deux.
finding-too-many-entries = « { $key } » a { $count } éléments, { $max } au plus sont admis
    .remedy = Raccourcissez la liste.

## Caméras

finding-no-camera = aucune caméra n'est configurée : rien n'est enregistré
    .remedy = Ajoutez une section [[camera]] avec id et url.
finding-bad-camera-id = « { $value } » n'est pas un identifiant de caméra
    .remedy = Employez 1 à { $max } caractères parmi a-z, 0-9, - et _, le premier une lettre ou un chiffre ; name = "…" accepte tout texte.
finding-duplicate-camera-id = l'identifiant « { $value } » est déjà pris, à la ligne { $line }
    .remedy = Donnez à chaque caméra son propre identifiant.
finding-bad-address = « { $value } » n'est pas une adresse de caméra
    .remedy = Écrivez rtsp://utilisateur@hôte/flux ou v4l2:/dev/v4l/by-path/….
finding-bad-scheme = les adresses en « { $scheme }: » ne sont pas enregistrées
    .remedy = Écrivez rtsp://utilisateur@hôte/flux ou v4l2:/dev/v4l/by-path/….
finding-password-in-address = il y a un mot de passe dans « { $key } »
    .remedy = Retirez-le de l'adresse, écrivez-le dans un fichier à part, en mode 600, et nommez ce fichier par password_file = "…".
finding-password-in-config = il y a un mot de passe dans la configuration
    .remedy = Écrivez-le dans un fichier à part, en mode 600, et nommez ce fichier par password_file = "…".
finding-password-in-query = le chemin de { $address } semble contenir un mot de passe
    .remedy = Si la caméra accepte aussi une connexion par compte, écrivez rtsp://utilisateur@hôte/… avec password_file ; sinon gardez ce fichier en mode 600.
finding-password-without-user = il y a un mot de passe, mais pas d'utilisateur dans l'adresse
    .remedy = Écrivez l'utilisateur dans l'adresse : rtsp://utilisateur@hôte/….
finding-user-without-password = il y a un utilisateur dans l'adresse, mais pas de mot de passe
    .remedy = Nommez son fichier par password_file = "…", sauf si le mot de passe de cet utilisateur est vide.
finding-bad-variable = « { $key } » n'est pas le nom d'une variable d'environnement
    .remedy = Écrivez le nom de la variable, par exemple "NVR_PORTAIL" ; jamais le mot de passe lui-même.
finding-bad-device-path = « { $value } » n'est pas le chemin d'un périphérique
    .remedy = Écrivez v4l2: et un chemin complet sous /dev, par exemple v4l2:/dev/v4l/by-path/….
finding-device-number = { $path } peut être une autre caméra après le prochain démarrage
    .remedy = Employez son chemin dans /dev/v4l/by-path (ls -l montre lequel lui correspond).
finding-key-not-for-source = « { $name } » n'a pas de sens pour { $source ->
        [rtsp] une caméra RTSP
       *[v4l2] une caméra V4L2
    }
    .remedy = Retirez cette clé.
finding-key-without = « { $name } » est sans effet sans « { $other } »
    .remedy = Ajoutez { $other } ou retirez { $name }.
finding-sub-equals-main = sub_url est le même flux que url
    .remedy = Indiquez le second flux de la caméra, plus petit, ou retirez sub_url.
finding-duplicate-address = { $address } est le même flux que celui de { $other } à la ligne { $line }
    .remedy = Vérifiez l'adresse : les mêmes images seraient enregistrées deux fois.
finding-many-sessions = plus de { $max } flux viennent de { $host }
    .remedy = Bien des caméras n'en admettent que { $max } ; rien à faire s'il s'agit d'un encodeur à plusieurs voies.
finding-audio-needs-basis = le son ne peut pas être enregistré sans base légale
    .remedy = Retirez audio = true, ou indiquez la base : legal_basis = "…". Dans un lieu public, il n'y en a pas en France.
finding-bad-mask = le masque numéro { $number } n'est pas un polygone dans l'image
    .remedy = Écrivez au moins trois points [x, y], chaque nombre entre 0 et 1 depuis le coin supérieur gauche.
finding-bad-ground = { $why ->
        [row] le numéro { $number } de « { $key } » n'est pas une suite de quatre nombres
        [count] « { $key } » a { $number ->
            [one] { $kind ->
                [points] 1 point
               *[heights] 1 hauteur
            }
           *[other] { $kind ->
                [points] { $number } points
               *[heights] { $number } hauteurs
            }
        }
        [value] le numéro { $number } de « { $key } » n'est pas dans l'image, ou ses mètres ne sont pas plausibles
        [fit] le numéro { $number } de « { $key } » ne s'accorde pas avec les autres
        [upright] le numéro { $number } de « { $key } » n'est pas debout : sa tête n'est pas au-dessus de son pied
        [order] « { $key } » n'a pas le même ordre au sol que dans l'image
        [distance] les deux hauteurs de « { $key } » sont à la même distance, ou la plus proche n'est pas plus bas dans l'image
       *[line] trois des points de « { $key } » sont sur une ligne
    }
    .remedy = { $kind ->
        [heights] Écrivez deux objets debout à des distances nettement différentes, chacun [x, y du pied, y de la tête, hauteur en mètres].
       *[points] Écrivez 4 à 16 points du sol qui délimitent une surface, par exemple les coins d'une place de stationnement, sous la forme [x, y, mètres vers l'est, mètres vers le nord].
    }

## Règles

finding-bad-rule-id = « { $value } » n'est pas un identifiant de règle
    .remedy = Employez 1 à { $max } caractères parmi a-z, A-Z, 0-9, -, _ et ., le premier une lettre ou un chiffre.
finding-duplicate-rule-id = l'identifiant de règle « { $value } » est déjà pris, à la ligne { $line }
    .remedy = Donnez à chaque règle son propre identifiant, ou retirez-le : la règle en reçoit un.
finding-bad-schedule = « { $value } » n'est pas un horaire
    .remedy = Écrivez des jours et des heures locales, par exemple "Mo-Su 22:00-06:00" ou "Mo-Fr 08:00-12:00,14:00-18:00; Sa 10:00-12:00", ou "always" ; les jours sont Mo, Tu, We, Th, Fr, Sa, Su.
finding-bad-zone = « { $key } » n'est pas une surface de l'image
    .remedy = Écrivez au moins trois points [x, y] autour d'une surface, chaque nombre entre 0 et 1 depuis le coin supérieur gauche.
finding-bad-line = « { $key } » n'est pas une ligne dans l'image
    .remedy = Écrivez deux points différents, par exemple [[0, 0.5], [1, 0.5]], chaque nombre entre 0 et 1 depuis le coin supérieur gauche.
finding-bad-class = il n'y a pas de classe « { $value } »
    .remedy = Écrivez person, bicycle, vehicle, bag, animal, ou un nom de COCO comme "car" ou "dog".

finding-unknown-camera = aucune caméra ne s'appelle « { $value } »
    .remedy = { $suggestion ->
        [none] Écrivez l'identifiant d'une section [[camera]] de ce fichier.
       *[other] Vouliez-vous dire « { $suggestion } » ?
    }
finding-rule-without-stream = rien n'est enregistré de la caméra « { $value } » : la règle ne voit jamais d'image
    .remedy = Retirez record = false de la caméra, ou retirez la règle.
finding-rule-without-id = la règle n'a pas d'identifiant et s'appelle « { $value } » d'après sa position
    .remedy = Écrivez-y id = "{ $value }" : sinon, une règle ajoutée plus haut ferait attribuer les alertes à une autre.
finding-rules-not-armed = { $rules ->
        [one] la règle n'est pas armée
       *[other] les { $rules } règles ne sont pas armées
    } : aucune autorisation n'est en vigueur
    .remedy = Sur un site privé, écrivez regime = "private-site" dans [site] ; les autres sites ont besoin d'autorisations, qu'une version ultérieure apporte.
finding-plugin-missing = il n'y a pas de greffon « { $value } » dans { $path } : la règle l'attend
    .remedy = Copiez-y le greffon et son manifeste ; il démarre en quelques secondes.
finding-plugin-not-started = le greffon « { $value } » ne démarre pas, les clés de ses règles ne sont donc pas contrôlées : { $why }
    .remedy = nvr plugins verify { $value } montre chaque étape et ce qu'il faut faire.
finding-out-of-limits = « { $key } » vaut { $value } et doit être { $limits }
    .remedy = Choisissez un nombre { $limits } ; nvr plugins info { $plugin } énumère les clés.
finding-wrong-count = « { $key } » a { $count ->
        [0] 0 élément
        [1] un élément
       *[other] { $count } éléments
    } et doit en avoir { $limits }
    .remedy = Écrivez le nombre d'éléments que donne nvr plugins info { $plugin }.
finding-below-gate = la règle a { $measured } pixels par mètre à son bord lointain{ $of ->
        [plugin] , et son greffon travaille à partir de { $needed }
       *[rule] { " " }et il lui en faut { $needed } : elle n'est pas surveillée
    }
    .remedy = { $of ->
        [plugin] Dessinez sa zone ou sa ligne plus près de la caméra (sans elle, la règle va jusqu'à l'horizon), ou analysez un flux plus grand.
       *[rule] Dessinez sa zone ou sa ligne plus près de la caméra (sans elle, la règle va jusqu'à l'horizon), analysez un flux plus grand, ou baissez min_px_per_m.
    }
finding-not-calibrated = des règles demandent des pixels par mètre de la caméra « { $value } », qui n'est pas étalonnée : cela ne peut pas être vérifié
    .remedy = Écrivez ground_points ou ground_heights dans la caméra.
finding-bad-trusted-key = « { $value } » n'est pas une clé publique minisign
    .remedy = Écrivez la seconde ligne du fichier .pub, 56 caractères qui commencent par RW.

## Stockage, serveur, site

finding-keep-needs-basis = { $days } jours dépassent les { $max } admis sans base légale
    .remedy = Conservez { $max } jours au plus, ou indiquez la base : legal_basis = "…" dans [storage].
finding-storage-overlap = les chemins de stockage « { $path } » et « { $other } » se recouvrent
    .remedy = Nommez chaque dossier une fois, et aucun à l'intérieur d'un autre.
finding-bad-account = « { $value } » n'est pas un nom de compte Unix
    .remedy = Écrivez le nom avec lequel la personne se connecte, par exemple "anna".
finding-bad-timezone = « { $value } » n'est pas le nom d'un fuseau horaire
    .remedy = Écrivez un nom comme "Europe/Paris".

## Cette machine

finding-storage-missing = le dossier de stockage { $path } n'existe pas encore
    .remedy = nvr serve le crée. S'il doit être sur un disque à part, vérifiez que le disque est monté.
finding-storage-not-folder = le chemin de stockage { $path } n'est pas un dossier
    .remedy = Nommez un dossier, ou déplacez ce fichier.
finding-storage-no-permission = ce compte ne peut pas écrire dans le dossier de stockage { $path } : { $why }
    .remedy = Donnez-le au compte de nvr (chown), ou lancez la vérification sous ce compte.
finding-storage-same-disk = les dossiers de stockage { $path } et { $other } sont sur le même disque
    .remedy = Un dossier par disque suffit ; vérifiez que le second disque est monté.
finding-password-file-missing = le fichier de mot de passe { $path } n'existe pas
    .remedy = Écrivez-y le mot de passe, sur la première ligne, et donnez-lui le mode 600.
finding-password-file-unreadable = le fichier de mot de passe { $path } ne peut pas être lu : { $why }
    .remedy = Donnez-le au compte de nvr (chown), en mode 600.
finding-password-file-empty = la première ligne du fichier de mot de passe { $path } ne contient pas de mot de passe
    .remedy = Écrivez-y le mot de passe, en texte UTF-8.
finding-password-file-open = d'autres ont accès au fichier de mot de passe { $path } (mode { $mode })
    .remedy = chmod 600 { $path }
finding-variable-unset = la variable d'environnement { $name } n'est pas définie ici
    .remedy = Définissez-la pour le service de nvr ; rien à faire si elle l'est là-bas.
finding-device-missing = le périphérique { $path } est absent
    .remedy = Branchez la caméra, ou indiquez un autre chemin ; elle est enregistrée dès qu'elle apparaît.
finding-device-no-permission = ce compte ne peut pas ouvrir le périphérique { $path } : { $why }
    .remedy = Ajoutez le compte de nvr au groupe « video ».
finding-folder-unreadable = le dossier { $path } ne peut pas être lu : { $why }
    .remedy = Créez-le et donnez au compte de nvr le droit de le lire, ou retirez le chemin : il est alors cherché à côté du programme et dans /usr/lib/nvr.
finding-socket-folder = on ne peut pas écrire dans le dossier { $path } de la socket : { $why }
    .remedy = Créez-le et donnez au compte de nvr le droit d'y écrire, ou choisissez-en un autre par socket = "…" dans [server].
finding-unknown-timezone = cette machine ne connaît pas le fuseau horaire « { $value } »
    .remedy = Écrivez un nom que montre timedatectl list-timezones, par exemple "Europe/Paris".
