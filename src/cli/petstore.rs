//! The pet store: a tiny backend for the quickstart, that answers on a loopback port.

use std::net::TcpListener;
use std::sync::Mutex;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

struct Pets(Mutex<Vec<Value>>);

/// Serves the pet store on a socket, until the process ends.
pub(super) fn start(listener: TcpListener) -> std::io::Result<()> {
    let pets = web::Data::new(Pets(Mutex::new(vec![
        json!({"id": 1, "type": "dog", "price": 249.99}),
        json!({"id": 2, "type": "cat", "price": 124.99}),
        json!({"id": 3, "type": "fish", "price": 0.99}),
    ])));
    let factory = move || {
        App::new()
            .app_data(pets.clone())
            .route("/pets", web::get().to(list))
            .route("/pets", web::post().to(add))
            .route("/pets/{id}", web::get().to(get))
    };
    actix_web::rt::spawn(HttpServer::new(factory).workers(1).disable_signals().listen(listener)?.run());
    Ok(())
}

async fn list(pets: web::Data<Pets>) -> HttpResponse {
    HttpResponse::Ok().json(&*pets.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

async fn get(pets: web::Data<Pets>, id: web::Path<u64>) -> HttpResponse {
    let pets = pets.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match pets.iter().find(|pet| pet["id"] == *id) {
        Some(pet) => HttpResponse::Ok().json(pet),
        None => HttpResponse::NotFound().json(json!({"message": "no such pet"})),
    }
}

async fn add(pets: web::Data<Pets>, pet: web::Json<Value>) -> HttpResponse {
    let mut pets = pets.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if pets.len() >= 1000 || !pet.is_object() {
        return HttpResponse::BadRequest().json(json!({"message": "no room for this pet"}));
    }
    let mut pet = pet.into_inner();
    pet["id"] = json!(pets.len() + 1);
    pets.push(pet.clone());
    HttpResponse::Created().json(pet)
}
