"""Rules about containers: what they may do to the machine, and what they are made of."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_SERVICE: Final = "compose.yaml:\nservices:\n  train:\n    build: .\n    "
_POD: Final = "pod.yaml:\napiVersion: v1\nkind: Pod\nspec:\n  "
_BINDING: Final = "rbac.yaml:\napiVersion: rbac.authorization.k8s.io/v1\nkind: "
_ROOT: Final = "Code that a checkpoint or a package brings into the container is then root on the machine."

PRIVILEGED: Final = Rule(
    id="LEY331",
    name="container-privileged",
    title="A container may do what only the machine's administrator should",
    severity=Severity.HIGH,
    cwe=250,
    why=_ROOT + " Graphics cards need no privileges.",
    mend="Leave it out. For cards: `--gpus all`, `deploy.resources` of compose, or `nvidia.com/gpu` of Kubernetes.",
    bad=(
        _SERVICE + "privileged: true",
        _SERVICE + "cap_add: [SYS_ADMIN]",
        _POD + "containers: [{name: a, securityContext: {privileged: true}}]",
        "run.sh:\ndocker run --rm --gpus all --privileged image@sha256:0 python train.py",
    ),
    good=(
        _SERVICE + "cap_add: [IPC_LOCK]",
        _POD + "containers: [{name: a, securityContext: {capabilities: {drop: [ALL]}}}]",
    ),
)
NAMESPACES: Final = Rule(
    id="LEY332",
    name="container-in-host-namespaces",
    title="A container shares the machine's processes, network or memory",
    severity=Severity.MEDIUM,
    cwe=653,
    why="It reaches what listens on the machine's loopback, sees all processes with their variables, or reads the "
    "shared memory of other jobs.",
    mend="Leave it out. For workers that need more shared memory: `shm_size`, or an `emptyDir` of medium `Memory` at "
    "`/dev/shm`.",
    bad=(
        _SERVICE + "pid: host",
        _POD + "hostPID: true",
        _SERVICE + "network_mode: host",
        _SERVICE + "ipc: host",
        "run.sh:\ndocker run --gpus all --ipc=host image@sha256:0",
    ),
    good=(_SERVICE + "shm_size: 8gb", _POD + "hostNetwork: false"),
)
SOCKET: Final = Rule(
    id="LEY333",
    name="container-socket-mounted",
    title="A container can command the machine's container engine",
    severity=Severity.HIGH,
    cwe=250,
    why="Whoever reaches the socket starts a container that has the machine's root directory.",
    mend="Leave it out. To build images in a job: rootless BuildKit, or kaniko.",
    bad=(
        _SERVICE + "volumes: ['/var/run/docker.sock:/var/run/docker.sock']",
        _POD + "volumes: [{name: a, hostPath: {path: /run/containerd/containerd.sock}}]",
        "run.sh:\ndocker run -v /var/run/docker.sock:/var/run/docker.sock image@sha256:0",
    ),
    good=(_SERVICE + "volumes: ['data:/data']",),
)
HOST_PATH: Final = Rule(
    id="LEY334",
    name="host-directory-mounted",
    title="A container gets a directory of the machine that holds more than data",
    severity=Severity.HIGH,
    cwe=552,
    why="`/`, `/etc`, `/root`, `/home`, `~/.ssh` and their like hold keys and what runs at the next start.",
    mend="Mount the directory of the data alone, and `:ro` where it is only read.",
    bad=(
        _SERVICE + "volumes: ['/:/host']",
        _SERVICE + "volumes: [{type: bind, source: ~/.ssh, target: /root/.ssh}]",
        _POD + "volumes: [{name: a, hostPath: {path: /etc}}]",
        "run.sh:\ndocker run -v /root:/root image@sha256:0",
    ),
    good=(
        _SERVICE + "volumes: ['/data/imagenet:/data:ro', './src:/src']",
        _POD + "volumes: [{hostPath: {path: /dev/shm}}]",
    ),
)
AS_ROOT: Final = Rule(
    id="LEY335",
    name="container-runs-as-root",
    title="A container is told to run as root",
    severity=Severity.LOW,
    cwe=250,
    why="What breaks out of it is root on the machine, and files that it writes in a mounted directory belong to root.",
    mend="End the Dockerfile with a user of its own; `user:` of compose, `runAsNonRoot: true` of Kubernetes.",
    bad=(
        "Dockerfile:\nFROM python:3.12\nUSER app\nRUN make\nUSER root\nCMD python train.py",
        _POD + "containers: [{name: a, securityContext: {runAsUser: 0}}]",
        _SERVICE + "user: root",
    ),
    good=(
        "Dockerfile:\nFROM python:3.12\nUSER root\nRUN make\nUSER app",
        _POD + "containers: [{name: a, securityContext: {runAsUser: 1000}}]",
    ),
)
UNPINNED: Final = Rule(
    id="LEY336",
    name="image-not-pinned",
    title="A container image is taken in whatever version there is today",
    severity=Severity.LOW,
    cwe=494,
    why="Without a tag, or with one that moves, tomorrow's training runs in another image, and so does everybody's "
    "whose registry account was taken over.",
    mend="Name a version and its digest: `image:2.9.0@sha256:…`.",
    bad=(
        "Dockerfile:\nFROM pytorch/pytorch\nRUN make",
        "Dockerfile:\nFROM pytorch/pytorch:latest",
        "compose.yaml:\nservices: {db: {image: postgres}}",
        _POD + "containers: [{name: a, image: 'registry.example.org/train:latest'}]",
    ),
    good=(
        "Dockerfile:\nFROM python:3.12-slim AS base\nFROM base",
        "Dockerfile:\nARG TAG=2.9.0\nFROM pytorch/pytorch:${TAG}\nFROM scratch",
        "compose.yaml:\nservices: {a: {build: ., image: own}}",
    ),
)
BY_TAG: Final = Rule(
    id="LEY337",
    name="image-by-tag",
    title="A container image is named by its tag alone",
    severity=Severity.INFO,
    cwe=494,
    why="A tag can be moved to another image by whoever owns the name in the registry.",
    mend="Add the digest: `image:2.9.0@sha256:…`. Tools such as Renovate keep it up to date.",
    bad=("Dockerfile:\nFROM python:3.12-slim",),
    good=("Dockerfile:\nFROM python:3.12-slim@sha256:" + "0" * 64,),
)
PORTS: Final = Rule(
    id="LEY338",
    name="dashboard-port-published",
    title="The port of a dashboard or a notebook is open on all interfaces of the machine",
    severity=Severity.MEDIUM,
    cwe=1327,
    why="TensorBoard, MLflow, Ray and many notebooks ask nobody who they are, and Docker opens the port past the "
    "machine's firewall. Ray's dashboard and Jupyter run code for whoever connects.",
    mend="Name the interface: `127.0.0.1:6006:6006`, and reach it through SSH.",
    bad=(_SERVICE + "ports: ['8888:8888']", "run.sh:\ndocker run -p 6006:6006 image@sha256:0"),
    good=(_SERVICE + "ports: ['127.0.0.1:8888:8888', '443:443']",),
)
ADDS: Final = Rule(
    id="LEY339",
    name="image-adds-from-address",
    title="A file from an address goes into an image without a check",
    severity=Severity.LOW,
    cwe=494,
    why="Whoever answers for the address decides what is in the image.",
    mend="`ADD --checksum=sha256:… https://…`.",
    bad=("Dockerfile:\nFROM python:3.12\nADD https://example.org/model.tar.gz /models/",),
    good=("Dockerfile:\nFROM python:3.12\nADD --checksum=sha256:0 https://example.org/m.tgz /m/\nADD . /app",),
)
RULES_CLUSTER: Final = Rule(
    id="LEY340",
    name="job-rules-cluster",
    title="A service account may do everything in the cluster",
    severity=Severity.MEDIUM,
    cwe=250,
    why="Every container under it has its token, so code that a checkpoint or a package brings rules the cluster.",
    mend="A Role with the few verbs and resources that the job needs, and `automountServiceAccountToken: false`.",
    bad=(_BINDING + "ClusterRoleBinding\nroleRef: {kind: ClusterRole, name: cluster-admin}",),
    good=(_BINDING + "RoleBinding\nroleRef: {kind: Role, name: reader}",),
)

CONTAINERS: Final[tuple[Rule, ...]] = (
    PRIVILEGED,
    NAMESPACES,
    SOCKET,
    HOST_PATH,
    AS_ROOT,
    UNPINNED,
    BY_TAG,
    PORTS,
    ADDS,
    RULES_CLUSTER,
)
