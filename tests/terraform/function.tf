# A function with its versions, an alias that shares its calls, and who may call it.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = true
  endpoints {
    lambda = var.endpoint
    sts    = var.endpoint
  }
}

variable "endpoint" {
  type = string
}

variable "backend" {
  type = string
}

variable "package" {
  default = "first.zip"
}

variable "colour" {
  default = "red"
}

variable "weight" {
  default = 0.25
}

resource "aws_lambda_function" "echo" {
  function_name    = "terraform"
  role             = "arn:aws:iam::000000000000:role/lambda"
  runtime          = "python3.12"
  handler          = "app.handler"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  publish          = true
  timeout          = 5
  memory_size      = 256
  description      = "made by Terraform"
  environment {
    variables = { COLOUR = var.colour }
  }
  ephemeral_storage {
    size = 1024
  }
  logging_config {
    log_format = "Text"
  }
  tags = { team = "a" }
}

resource "aws_lambda_function" "plain" {
  function_name                  = "terraform-plain"
  role                           = "arn:aws:iam::000000000000:role/lambda"
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  filename                       = var.package
  reserved_concurrent_executions = 2
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "what callers call"
  function_name    = aws_lambda_function.echo.function_name
  function_version = "1"
  dynamic "routing_config" {
    for_each = aws_lambda_function.echo.version == "1" ? [] : [1]
    content {
      additional_version_weights = { (aws_lambda_function.echo.version) = var.weight }
    }
  }
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.echo.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "arn:aws:execute-api:us-east-1:000000000000:abc/*/GET/pets"
}

resource "aws_lambda_permission" "alias" {
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.echo.function_name
  qualifier      = aws_lambda_alias.live.name
  principal      = "apigateway.amazonaws.com"
  source_account = "000000000000"
}

data "aws_lambda_function" "echo" {
  function_name = aws_lambda_function.echo.function_name
  depends_on    = [aws_lambda_alias.live]
}

data "aws_lambda_alias" "live" {
  function_name = aws_lambda_function.echo.function_name
  name          = aws_lambda_alias.live.name
}

output "arn" {
  value = aws_lambda_function.echo.arn
}

output "version" {
  value = aws_lambda_function.echo.version
}

output "invoke_arn" {
  value = aws_lambda_alias.live.invoke_arn
}

output "read" {
  value = { handler = data.aws_lambda_function.echo.handler, version = data.aws_lambda_alias.live.function_version }
}
