# Many APIs of many methods: what is tried is that no call is throttled or fails. The APIs are copies of many-api.tf.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = true
  endpoints {
    apigateway = var.endpoint
    sts        = var.endpoint
  }
}

variable "endpoint" {
  type = string
}

variable "backend" {
  type = string
}
