# A Rails application in one file, with its check of the host and of forged requests.
require "digest"
require "logger"
require "rails"
require "action_controller/railtie"

class Field < Rails::Application
  config.load_defaults 6.1
  config.root = __dir__
  config.eager_load = false
  config.secret_key_base = "none"
  config.hosts << ".sellia.test"
  config.logger = Logger.new($stderr, level: :warn)
  config.session_store :cookie_store, key: "_field"
  routes.append do
    get "/hello", to: "main#hello"
    get "/form", to: "main#form"
    post "/form", to: "main#posted"
    get "/moved", to: redirect("/hello")
    post "/digest", to: "main#digest"
  end
end

Rails.env = "development"
Field.initialize!

class MainController < ActionController::Base
  skip_forgery_protection only: :digest

  def hello
    render plain: "hello"
  end

  def form
    render plain: form_authenticity_token
  end

  def posted
    render plain: "posted"
  end

  def digest
    body = request.raw_post
    render plain: "#{body.bytesize} #{Digest::SHA256.hexdigest(body)}"
  end
end

run Field
