variable "REGISTRY" {
  default = "local"
}
variable "IMAGE" {
  default = "${REGISTRY}/chain"
}
variable "TAG" {
  default = ""
}
variable "DEBUG" {
  default = false
}

group "services" {
  targets = ["node", "provers"]
}
group "provers" {
  targets = ["prover", "report"]
}

target "common" {
  context    = "."
  dockerfile = "Dockerfile"
  args = {
    PORT  = 8080
    DEBUG = DEBUG
    UNSET = null
  }
  labels = {
    "com.example.team" = "chain"
  }
}

target "node" {
  inherits = ["common"]
  target   = "runtime"
  args = {
    BIN  = "node"
    PORT = "57291"
  }
  tags = [equal("", TAG) ? "" : "${IMAGE}-node:${TAG}", "${IMAGE}-node:latest"]
}

target "prover" {
  inherits = ["common"]
  target   = DEBUG ? "debug" : "runtime"
  args = {
    BIN = "prover"
  }
  tags = ["${IMAGE}-prover:${TAG}"]
  pull = true
}

target "report" {
  inherits = ["prover"]
  args     = { BIN = "report" }
  tags     = ["${IMAGE}-report:${TAG}"]
  output   = ["type=image"]
}

target "unused" {
  inherits = ["common"]
  ssh      = ["default"]
}
