//! Sign-in, API keys and users.

use crate::connection::read;
use crate::{Client, ClientError, Credentials};
use cofferdam_api_types::{
    ApiKeyCollection, CreateApiKey, CreateUser, CreatedApiKey, LoginRequest, Me, OrderedPage, RefreshRequest, TokenResponse,
    UpdateUser, UserAccount, UserCollection,
};
use cofferdam_ids::ApiKeyId;
use reqwest::Method;

impl Client {
    /// Signs in, and uses the tokens from now on.
    ///
    /// # Errors
    /// `invalid_credentials`, `too_many_attempts`, or the server cannot be reached.
    pub async fn login(&self, request: &LoginRequest) -> Result<TokenResponse, ClientError> {
        let response = self.send_bare(self.request(Method::POST, self.api(&["auth", "login"])).json(request)).await?;
        let tokens = read(response).await?;
        self.adopt(&tokens);
        Ok(tokens)
    }

    /// Renews the tokens now. A call renews them by itself when it must; this is for those who share tokens between
    /// processes and must do it one at a time. Does nothing with other credentials.
    ///
    /// # Errors
    /// When the refresh token has been used, the session has ended, or the server cannot be reached.
    pub async fn refresh(&self) -> Result<(), ClientError> {
        match self.credentials() {
            Credentials::Tokens(used) => self.renew(&used).await,
            Credentials::None | Credentials::ApiKey(_) => Ok(()),
        }
    }

    /// Ends the session, and forgets the tokens.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn logout(&self) -> Result<(), ClientError> {
        if let Credentials::Tokens(tokens) = self.credentials() {
            let body = RefreshRequest { refresh_token: Some(tokens.refresh_token) };
            self.send_bare(self.request(Method::POST, self.api(&["auth", "logout"])).json(&body)).await?;
            self.set_credentials(Credentials::None);
        }
        Ok(())
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn me(&self) -> Result<Me, ClientError> {
        self.get(self.api(&["auth", "me"])).await
    }

    /// Makes an API key. The key itself is in the answer, and nowhere else.
    ///
    /// # Errors
    /// When the role asked for is higher than one's own.
    pub async fn create_api_key(&self, request: &CreateApiKey) -> Result<CreatedApiKey, ClientError> {
        self.post(self.api(&["api-keys"]), request).await
    }

    /// One's own API keys; an admin sees those of the whole tenant.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_api_keys(&self) -> Result<ApiKeyCollection, ClientError> {
        self.get(self.api(&["api-keys"])).await
    }

    /// Revokes an API key.
    ///
    /// # Errors
    /// When there is none, or it is somebody else's and one is no admin.
    pub async fn revoke_api_key(&self, key: ApiKeyId) -> Result<(), ClientError> {
        self.delete(self.api(&["api-keys", &key.to_string()])).await
    }

    /// Makes a user of the tenant.
    ///
    /// # Errors
    /// When the name is taken, the password too short, or one is no admin.
    pub async fn create_user(&self, request: &CreateUser) -> Result<UserAccount, ClientError> {
        self.post(self.api(&["users"]), request).await
    }

    /// The users of the tenant.
    ///
    /// # Errors
    /// When one is no admin.
    pub async fn list_users(&self, page: &OrderedPage) -> Result<UserCollection, ClientError> {
        self.get_with(self.api(&["users"]), page).await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// When there is none of that name, or one is no admin.
    pub async fn update_user(&self, username: &str, request: &UpdateUser) -> Result<UserAccount, ClientError> {
        let url = self.api(&["users", username]);
        read(self.send(|| self.request(Method::PATCH, url.clone()).json(request)).await?).await
    }
}
